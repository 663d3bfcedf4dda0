import type { Logger } from 'pino';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { CallErrorSchema } from '../calls/record.ts';
import { Instant, orNull } from '../calls/schema.ts';
import type { FailureCause } from '../overview/causes.ts';
import { type Diary, INCIDENTS_MS, type ReplicaReport } from '../overview/diary.ts';
import { COUNT_STEP } from '../overview/failing-calls.ts';
import type { ReplicaReports } from '../overview/history.ts';
import type { RedisCause } from './cause.ts';
import type { RedisClient } from './connection.ts';
import { yieldToEventLoop } from './event-loop.ts';
import { DIARIES_KEY, REPLICAS_KEY } from './keys.ts';
import type { RedisLink } from './redis-link.ts';
import { SharedCount } from './shared-count.ts';
import type { RegistrySlots } from './slots.ts';

export interface DiariesOptions {
  readonly redis: RedisClient;
  readonly replica: string;
  readonly diary: Pick<Diary, 'countCauses' | 'page' | 'redisLost' | 'redisServes' | 'stopped'>;
  readonly slots: Pick<RegistrySlots, 'timing'>;
  readonly log: Pick<Logger, 'debug'>;
}

/** Limit of pages in Redis: a replica that crashes over and over begins a new one each time. */
const MOST_PAGES = 50;

/**
 * The diaries of all replicas. With each heartbeat a replica writes its own page into one hash of
 * Redis and reads all others: three commands. No two replicas write the same page, so nothing has
 * to be merged. A page survives the replica that wrote it. If Redis loses its data, the next
 * heartbeats of the live replicas write their pages again, and those of the replicas that are gone.
 * While Redis is out, this replica has its own page, and the others as it last read them.
 */
export class Diaries {
  readonly #options: DiariesOptions;
  readonly #causes = new SharedCount(() => this.#countCauses());
  #others: readonly ReplicaReport[] = [];
  #alive: ReadonlySet<string> = new Set();

  constructor(options: DiariesOptions) {
    this.#options = options;
  }

  async pages(): Promise<ReplicaReports> {
    const own = await this.#own();
    return { own, others: this.#others, alive: this.#alive };
  }

  async #own(): Promise<ReplicaReport> {
    return this.#options.diary.page(await this.#causes.latest());
  }

  async #countCauses(): Promise<FailureCause[]> {
    const { diary, slots } = this.#options;
    const count = diary.countCauses((id) => slots.timing(id));
    for (;;) {
      const { done, value } = count.next();
      if (done) return value;
      await yieldToEventLoop(COUNT_STEP);
    }
  }

  /** Ignores a failure, because the next heartbeat tries again. */
  async #tryExchange(): Promise<void> {
    await this.exchange().catch((err: unknown) =>
      this.#options.log.debug({ err }, 'no diaries exchanged'),
    );
  }

  follow(link: Pick<RedisLink, 'on'>): void {
    const { diary } = this.#options;
    link.on('lost', (cause: RedisCause | null) => diary.redisLost(cause?.what ?? null));
    link.on('recovered', () => diary.redisServes());
    link.on('beat', () => this.#tryExchange());
  }

  /** Also deletes old pages. Rejects without Redis. */
  async exchange(): Promise<void> {
    const { redis, replica } = this.#options;
    const own = await this.#own();
    await redis.hset(DIARIES_KEY, replica, JSON.stringify(own));
    const [alive, texts] = await Promise.all([
      redis.zrange(REPLICAS_KEY, '0', '-1'),
      redis.hgetall(DIARIES_KEY),
    ]);
    const pages = Object.entries(texts).map(([name, text]) => readPage(name, text));
    const lost = this.#others.filter((page) => texts[page.replica] === undefined);
    const kept = [...pages, ...lost]
      .filter((page) => page !== null)
      .filter(({ at }) => at > own.at - INCIDENTS_MS);
    const latest = kept.sort((a, b) => b.at - a.at).slice(0, MOST_PAGES);
    this.#others = latest.filter((page) => page.replica !== replica).sort(byName);
    this.#alive = new Set(alive);
    const names = new Set(latest.map((page) => page.replica));
    const old = Object.keys(texts).filter((name) => name !== replica && !names.has(name));
    if (old.length > 0) await redis.hdel(DIARIES_KEY, ...old);
    // The replicas that are gone cannot write their pages again.
    for (const page of lost.filter((one) => latest.includes(one))) {
      await redis.hsetnx(DIARIES_KEY, page.replica, JSON.stringify(page));
    }
  }

  /** Notes that this replica was stopped: otherwise it would seem to have died. */
  async stop(): Promise<void> {
    this.#options.diary.stopped();
    await this.#tryExchange();
  }
}

function byName(a: ReplicaReport, b: ReplicaReport): number {
  return a.replica < b.replica ? -1 : 1;
}

const Reason = Type.Pick(CallErrorSchema, ['status', 'code', 'message']);
const Failure = Type.Pick(CallErrorSchema, ['at', 'status', 'code', 'message']);
const AfterSuccess = Type.Object({ calls: Type.Integer(), since: Instant });
const PAGE = Compile(
  Type.Object({
    replica: Type.String(),
    version: Type.String(),
    startedAt: Instant,
    at: Instant,
    stoppedAt: orNull(Instant),
    cells: Type.Array(
      Type.Object({
        step: Type.Integer(),
        app: Type.String(),
        counts: Type.Array(Type.Integer({ minimum: 0 })),
      }),
    ),
    incidents: Type.Array(
      Type.Union([
        Type.Object({
          kind: Type.Enum(['lost', 'unknown']),
          from: Instant,
          until: Instant,
          app: Type.String(),
          calls: Type.Integer(),
          error: orNull(Reason),
        }),
        Type.Object({
          kind: Type.Literal('redis'),
          from: Instant,
          until: orNull(Instant),
          cause: orNull(Type.String()),
        }),
      ]),
    ),
    outages: Type.Optional(
      Type.Array(
        Type.Object({
          kind: Type.Literal('failing'),
          from: Instant,
          until: orNull(Instant),
          app: Type.String(),
          calls: Type.Integer(),
          error: Reason,
        }),
      ),
    ),
    causes: Type.Array(
      Type.Object({
        app: Type.String(),
        tenantId: Type.String(),
        error: Failure,
        calls: Type.Integer(),
        since: Instant,
        firstLossAt: Instant,
        afterSuccess: orNull(AfterSuccess),
      }),
    ),
    successes: Type.Array(Type.Tuple([Type.String(), Instant])),
  }),
);

/** null if another version wrote the page in another form; its replica may still be alive. */
function readPage(replica: string, text: string): ReplicaReport | null {
  try {
    const page: unknown = JSON.parse(text);
    return PAGE.Check(page) && page.replica === replica ? page : null;
  } catch {
    return null;
  }
}
