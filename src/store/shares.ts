import type { Logger } from 'pino';
import type { ReplicaShare } from '../calls/overview.ts';
import type { RedisClient } from './connection.ts';
import { REPLICAS_KEY, shareKey } from './keys.ts';
import type { RedisLink } from './redis-link.ts';

export interface SharesOptions {
  readonly redis: RedisClient;
  readonly replica: string;
  readonly version: string;
  /** The interval, in ms. */
  readonly windowMs: number;
  /** How long the others believe what a replica says of itself, in ms. */
  readonly believedMs: number;
  /** Monotonic, in ms. */
  readonly elapsedMs: () => number;
}

/** The window is counted in so many parts: what is told is late by one of them at most. */
const PARTS = 15;

/**
 * How the replicas share the work. Each writes what it does beside its sign of
 * life, and reads what the others wrote: three commands a heartbeat, and whoever
 * asks is told at once, while Redis is out too.
 */
export class Shares {
  readonly #options: SharesOptions;
  /** The keepAlives of each part of the window, by the number of the part. */
  readonly #parts = new Map<number, number>();
  #others: readonly ReplicaShare[] = [];

  constructor(options: SharesOptions) {
    this.#options = options;
  }

  /** A keepAlive was sent. */
  count(): void {
    const part = this.#part();
    this.#parts.set(part, (this.#parts.get(part) ?? 0) + 1);
    if (this.#parts.size > PARTS) this.#forget(part);
  }

  get own(): ReplicaShare {
    const part = this.#part();
    this.#forget(part);
    const keepAlives = [...this.#parts.values()].reduce((sum, count) => sum + count, 0);
    const { replica, version } = this.#options;
    return { replica, version, keepAlives, startedAt: null };
  }

  /** Of the other replicas that live, as they said last, in the order of their names. */
  get others(): readonly ReplicaShare[] {
    return this.#others;
  }

  /** Exchanges with each heartbeat. */
  follow(link: Pick<RedisLink, 'on'>, log: Pick<Logger, 'debug'>): void {
    const onFailure = (err: unknown) => log.debug({ err }, 'no shares exchanged');
    link.on('beat', () => this.exchange().catch(onFailure));
  }

  /** Rejects where Redis does not answer. */
  async exchange(): Promise<void> {
    const { redis, replica, believedMs } = this.#options;
    const { version, keepAlives } = this.own;
    await redis.set(shareKey(replica), JSON.stringify({ version, keepAlives }), 'PX', believedMs);
    const living = await redis.zrange(REPLICAS_KEY, '0', '-1');
    const names = living.filter((name) => name !== replica).sort();
    const texts = names.length > 0 ? await redis.mget(names.map((name) => shareKey(name))) : [];
    this.#others = names.map((name, i) => readShare(name, texts[i] ?? null));
  }

  #part(): number {
    const { elapsedMs, windowMs } = this.#options;
    return Math.floor((elapsedMs() * PARTS) / windowMs);
  }

  #forget(now: number): void {
    for (const part of this.#parts.keys()) if (part <= now - PARTS) this.#parts.delete(part);
  }
}

/** One that says nothing, or something else, lives all the same: of another version, or just begun. */
function readShare(replica: string, text: string | null): ReplicaShare {
  const { version, keepAlives } = parse(text);
  return {
    replica,
    version: typeof version === 'string' ? version.slice(0, 64) : '',
    keepAlives: Number.isSafeInteger(keepAlives) ? Math.max(0, keepAlives as number) : 0,
    startedAt: null,
  };
}

function parse(text: string | null): Partial<Record<keyof ReplicaShare, unknown>> {
  try {
    return Object(JSON.parse(text ?? '{}'));
  } catch {
    return {};
  }
}
