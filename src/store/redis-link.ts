import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import type { Clock } from '../calls/ports.ts';
import type { RedisCause } from './cause.ts';
import { Emitter } from './emitter.ts';
import type { Membership } from './membership.ts';
import { isRefusal, OtherWheelError } from './refusal.ts';
import type { Servers } from './servers.ts';

export interface RedisLinkOptions {
  readonly servers: Pick<
    Servers,
    'assertSupported' | 'countChanges' | 'causeOf' | 'credentialFault' | 'noteServing'
  >;
  readonly membership: Pick<Membership, 'join' | 'leave'>;
  readonly intervalMs: number;
  readonly heartbeatMs: number;
  /** After this long without an answer Redis counts as out, in ms. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly onFatal?: (error: Error) => void;
  readonly log: Logger;
}

/** The link waits for the listeners of each event before it goes on. */
export interface LinkEvents {
  /**
   * Redis serves for the first time or again, or may have lost data (a new connection, a failover).
   * The link is up when all listeners are done; if one rejects, it emits the event again.
   */
  recovered: Recovered;
  /** Redis answered a heartbeat. If a listener rejects, it counts as unanswered. */
  beat: undefined;
  lost: RedisCause | null;
  /** At the start: this Redis is unsupported, or its replicas have another interval. */
  refused: Error;
}

export interface Recovered {
  readonly isFirst: boolean;
}

/**
 * This replica's link to Redis: it waits for Redis, checks it, joins the other replicas, and from
 * then on sends heartbeats.
 *
 * ```
 * waiting ──answers──▶ up ──no answer for a grace──▶ out
 *    └──no answer for a grace──▶ out ──answers──▶ up
 * ```
 *
 * The heartbeat is a write that needs memory. So a Redis that answers but cannot serve (a read-only
 * replica, one out of memory or still loading, one that rejects us) is out like one that does not
 * answer. In a Cluster all our keys are on one node, so the heartbeat shows whether it serves.
 */
export class RedisLink extends Emitter<LinkEvents> {
  readonly #options: RedisLinkOptions;
  readonly #stopped = new AbortController();
  #beating: Promise<void> = Promise.resolve();
  #state: 'waiting' | 'up' | 'out' = 'waiting';
  #joined = false;
  #out = new AbortController();
  /** Monotonic, because the answers themselves set the clock. */
  #answeredAt = performance.now();
  /** The number of changes of servers at the last `recovered`; null: emit it again. */
  #known: number | null = null;
  #cause: RedisCause | null = null;
  readonly #logged = new Set<string>();

  constructor(options: RedisLinkOptions) {
    super();
    this.#options = options;
  }

  get state(): 'waiting' | 'up' | 'out' {
    return this.#state;
  }

  get up(): boolean {
    return this.#state === 'up';
  }

  /**
   * Why Redis did not answer the last heartbeat, or why the first cannot be sent. null if Redis did
   * answer, or if that is unknown.
   */
  get cause(): RedisCause | null {
    return this.#cause ?? (this.up ? null : this.#options.servers.credentialFault);
  }

  /** Aborts when Redis goes out; already aborted while it is. */
  get out(): AbortSignal {
    return this.#out.signal;
  }

  start(): void {
    this.#beating = this.#beat().catch(this.#options.onFatal);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#beating;
    if (this.#joined) await this.#options.membership.leave().catch(() => undefined); // it expires
  }

  async #beat(): Promise<void> {
    const { clock, heartbeatMs } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        await this.#report();
      } catch (error) {
        await this.#onSilence(error);
        if (isRefusal(error) && !this.#joined) await this.emit('refused', error);
      }
      const isSettled = this.up && this.#answeredAt >= startedAt;
      await clock.sleep(isSettled ? heartbeatMs : Math.min(heartbeatMs, 500), signal);
    }
  }

  async #report(): Promise<void> {
    const { servers, membership, intervalMs, log } = this.#options;
    const isSettled = this.up && servers.countChanges() === this.#known;
    if (!isSettled) await servers.assertSupported();
    const verdict = await membership.join();
    if (verdict.kind === 'different') {
      throw new OtherWheelError(verdict.laidMs, intervalMs, verdict.others);
    }
    const hasLost = this.#joined && verdict.wasEmpty;
    if (hasLost) log.error('Redis has lost data: writing it back from memory');
    // The following steps use all connections that exist by now.
    const changes = servers.countChanges();
    if (!this.up || hasLost || changes !== this.#known) {
      this.#known = null;
      await this.emit('recovered', { isFirst: !this.#joined });
      this.#known = changes;
      this.#comeUp();
    }
    const answeredAt = performance.now();
    await this.emit('beat', undefined);
    // Only now, because a Redis that answers but refuses a sync does not serve.
    this.#answeredAt = answeredAt;
    this.#cause = null;
    servers.noteServing();
    this.#logged.clear();
  }

  #comeUp(): void {
    if (!this.up) this.#options.log.info('Redis serves');
    this.#joined = true;
    this.#state = 'up';
    if (this.#out.signal.aborted) this.#out = new AbortController();
  }

  async #onSilence(error: unknown): Promise<void> {
    const { servers, graceMs, log } = this.#options;
    this.#note(await servers.causeOf(error), error);
    if (this.#state === 'out' || performance.now() - this.#answeredAt < graceMs) return;
    this.#state = 'out';
    this.#out.abort();
    const cause = this.#cause;
    const why = cause ? { cause: cause.what, fix: cause.fix } : { err: error };
    const what = cause?.what ?? (error as Error).message;
    log.error(
      why,
      `Redis is out: ${what}. This replica keeps its calls alive from memory. Run \`callkeeper check\``,
    );
    await this.emit('lost', cause).catch((err: unknown) =>
      log.error({ err }, 'not everything could be stopped'),
    );
  }

  /** Logs each cause once in an outage, however often it comes. */
  #note(cause: RedisCause | null, err: unknown): void {
    const { log } = this.#options;
    log.debug({ err }, 'Redis gives no answer');
    this.#cause = cause ?? this.#cause;
    if (cause === null || this.#logged.has(cause.code)) return;
    this.#logged.add(cause.code);
    log.warn({ code: cause.code, fix: cause.fix }, `Redis does not serve: ${cause.what}`);
  }
}
