import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import type { Clock } from './calls/ports.ts';
import type { Wheel } from './calls/wheel.ts';
import type { RedisClient } from './store/connection.ts';
import type { Membership } from './store/membership.ts';
import type { Servers } from './store/servers.ts';
import { UnsuitableRedisError } from './store/suitable.ts';

export interface StandingOptions {
  readonly redis: RedisClient;
  readonly servers: Servers;
  readonly membership: Membership;
  readonly wheel: Wheel;
  readonly heartbeatMs: number;
  /** Without an answer for so long Redis counts as out, in ms. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Redis is there, for the first time or again, or it may have lost data. To bring
   * Redis and this replica together in these slots; resolves with whether calls
   * had been lost there, rejects where Redis goes away over it, and is then asked
   * for again. No sign of life is given meanwhile.
   */
  readonly onBack: (slots: readonly number[], how: Return) => Promise<boolean>;
  /** After each sign of life that was answered. */
  readonly onAnswer: () => Promise<void>;
  /** Redis is out; this replica has to go on without it. */
  readonly onOut: () => Promise<void>;
  /** Where Redis has yet to learn of something. */
  readonly unsavedSlots: () => readonly number[];
  /** This replica must not go on: Redis is unsuitable, or its replicas have another interval. */
  readonly onRefused: (error: Error) => void;
}

/** How Redis is back. */
export interface Return {
  /** This replica has never been in step with it before. */
  readonly isFirst: boolean;
  /** Of what happened there anything may have been missed; otherwise the slots are all there is. */
  readonly isAnew: boolean;
}

/** Living replicas of this Redis have another interval. */
export class OtherWheelError extends Error {
  readonly code = 'OTHER_WHEEL';
  constructor(laidMs: number, intervalMs: number, others: readonly string[]) {
    super(
      `${others.join(', ')} keep calls alive every ${laidMs / 1_000} s on this Redis; ` +
        `this replica is configured for every ${intervalMs / 1_000} s. Give all replicas the same ` +
        'KEEPALIVE_INTERVAL, or stop the others first.',
    );
    this.name = 'OtherWheelError';
  }
}

/**
 * This replica's standing with Redis: waits for it, checks it, joins the other
 * replicas, and gives a sign of life ever after. The sign is a write, so a
 * Redis that answers but cannot serve (a replica, one out of memory or still
 * loading, one that refuses us) is out like one that does not answer.
 *
 * Of a Cluster each master is asked. While the one that holds what is kept once
 * serves, Redis is up, but for the slots whose masters do not: those are out by
 * themselves, and this replica goes on from memory with them.
 */
export class Standing {
  readonly #options: StandingOptions;
  readonly #stopped = new AbortController();
  #beating: Promise<void> = Promise.resolve();
  #state: 'waiting' | 'up' | 'out' = 'waiting';
  #joined = false;
  #out = new AbortController();
  /** Monotonic, as is all that follows from it: the clock itself is set by the answers. */
  #answeredAt = performance.now();
  /** Of which Redis this replica was last brought together with, but for the slots that are due. */
  #known: Seen | null = null;
  /** Slots in which Redis and this replica have yet to be brought together. */
  readonly #due = new Set<number>();
  /** See {@link Return}; until that is done. */
  #isAnew = false;
  /** Slots that nobody serves, and since when. */
  readonly #silent = new Map<number, number>();
  #outSlots: ReadonlySet<number> = new Set();

  constructor(options: StandingOptions) {
    this.#options = options;
  }

  /** Whether Redis serves, as far as this replica knows. */
  get up(): boolean {
    return this.#state === 'up';
  }

  /** While Redis is up: slots that it does not serve, and has not for a grace. */
  get outSlots(): ReadonlySet<number> {
    return this.#outSlots;
  }

  /** Aborts when Redis goes out, or is out already: for what only makes sense while it serves. */
  get out(): AbortSignal {
    return this.#out.signal;
  }

  start(): void {
    this.#beating = this.#beat();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#beating;
    if (this.#joined) await this.#options.membership.leave().catch(() => undefined); // it expires
  }

  async #beat(): Promise<void> {
    const { clock, heartbeatMs, onRefused } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.#report();
      } catch (error) {
        if (isRefusal(error) && !this.#isNeeded()) {
          onRefused(error);
          return;
        }
        await this.#onSilence(error);
      }
      const isSettled = this.#state === 'up' && this.#answeredAt + heartbeatMs > performance.now();
      await clock.sleep(isSettled ? heartbeatMs : Math.min(heartbeatMs, 500), signal);
    }
  }

  async #report(): Promise<void> {
    const { servers, membership, wheel, unsavedSlots, onAnswer } = this.#options;
    const isSettled = this.#state === 'up' && servers.changes === this.#known?.changes;
    if (!isSettled) await servers.assertSuitable();
    const [silent, verdict] = await Promise.all([servers.findSilent(), membership.join()]);
    if (verdict.kind === 'different') {
      throw new OtherWheelError(verdict.laidMs, wheel.intervalMs, verdict.others);
    }
    const hasLost = this.#joined && (verdict.isOlder || verdict.era !== this.#known?.era);
    if (hasLost) this.#options.log.error('Redis has lost data: it is written back from memory');
    // What follows is done on all connections that are made by now.
    const seen = { changes: servers.changes, era: verdict.era };
    if (this.#state !== 'up' || hasLost || !this.#isKnown(seen)) {
      this.#isAnew = true;
      this.#allAreDue();
    }
    this.#known = seen;
    for (const slot of unsavedSlots()) this.#due.add(slot);
    const slots = [...this.#due].filter((slot) => !silent.has(slot));
    if (this.#state !== 'up' || slots.length > 0) await this.#comeBack(slots);
    this.#noteSilent(silent);
    // Not before: a Redis that answers, but cannot be brought up to date, is no help.
    this.#answeredAt = performance.now();
    await onAnswer();
  }

  #allAreDue(): void {
    for (let slot = 0; slot < this.#options.wheel.slots; slot++) this.#due.add(slot);
  }

  async #comeBack(slots: readonly number[]): Promise<void> {
    const { log, wheel, onBack } = this.#options;
    const hadLost = await onBack(slots, { isFirst: !this.#joined, isAnew: this.#isAnew });
    this.#isAnew = false;
    for (const slot of slots) this.#due.delete(slot);
    // Where calls were missing in one slot they may be in others.
    if (hadLost && slots.length < wheel.slots) this.#allAreDue();
    if (this.#state !== 'up') log.info('Redis serves');
    this.#joined = true;
    this.#state = 'up';
    if (this.#out.signal.aborted) this.#out = new AbortController();
  }

  async #onSilence(error: unknown): Promise<void> {
    const { graceMs, log, onOut } = this.#options;
    log.debug({ err: error }, 'Redis gives no answer');
    if (this.#state === 'out' || performance.now() - this.#answeredAt < graceMs) return;
    this.#state = 'out';
    this.#out.abort();
    log.error({ err: error }, 'Redis is out: this replica goes on from memory');
    await onOut();
  }

  /** Like all of Redis, a slot is out only after a grace: failovers are over sooner. */
  #noteSilent(silent: ReadonlySet<number>): void {
    const { graceMs, log, wheel } = this.#options;
    const now = performance.now();
    for (const slot of this.#silent.keys()) if (!silent.has(slot)) this.#silent.delete(slot);
    for (const slot of silent) if (!this.#silent.has(slot)) this.#silent.set(slot, now);
    const out = [...this.#silent].filter(([, since]) => now - since >= graceMs);
    const slots = { slots: out.length, of: wheel.slots };
    if (out.length > this.#outSlots.size) {
      log.error(slots, 'part of Redis is out: this replica goes on from memory with these slots');
    } else if (out.length === 0 && this.#outSlots.size > 0) {
      log.info('all of Redis serves again');
    }
    this.#outSlots = new Set(out.map(([slot]) => slot));
  }

  #isKnown({ changes, era }: Seen): boolean {
    return this.#known?.changes === changes && this.#known.era === era;
  }

  /** Whoever keeps calls alive from memory must not give up, whatever Redis has become. */
  #isNeeded(): boolean {
    return this.#joined || this.#options.unsavedSlots().length > 0;
  }
}

/** What tells one Redis, or one state of its data, from another. */
interface Seen {
  /** See `Servers`. */
  readonly changes: number;
  readonly era: string;
}

function isRefusal(error: unknown): error is Error {
  return error instanceof OtherWheelError || error instanceof UnsuitableRedisError;
}
