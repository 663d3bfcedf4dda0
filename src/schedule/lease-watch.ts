import type { Logger } from 'pino';
import { type SettledClock, StoreUnavailableError } from '../calls/ports.ts';
import type { LeaseExpirer } from '../owners/lease-expirer.ts';

export interface LeaseWatchOptions {
  readonly expirer: Pick<LeaseExpirer, 'pass'>;
  /** Syncs all owners with Redis. Rejects if Redis does not answer. */
  readonly sync: () => Promise<void>;
  /** Reads only the lapsed owners from Redis, which another replica may be about to change. */
  readonly refresh: () => Promise<void>;
  readonly isUp: () => boolean;
  /** Whether this replica has changes of owners that Redis has not acknowledged. */
  readonly isAhead: () => boolean;
  /** Takes or extends the lease lock; resolves with whether this replica holds it. */
  readonly hold: () => Promise<boolean>;
  readonly lookMs: number;
  /** How often a replica without the lock syncs its owners, in ms. */
  readonly syncMs: number;
  readonly clock: SettledClock;
  readonly log: Logger;
  readonly onFatal?: (error: Error) => void;
}

const NEVER = Number.NEGATIVE_INFINITY;

/**
 * Checks the leases of owners periodically, in one replica at a time. While Redis is out, no
 * replica does, and that time does not count towards any lease.
 */
export class LeaseWatch {
  readonly #options: LeaseWatchOptions;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #syncedAt = NEVER;

  constructor(options: LeaseWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run().catch(this.#options.onFatal);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { isUp, lookMs, clock, log } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        if (isUp()) await this.#look();
        else this.#syncedAt = NEVER; // Redis may lose data while it is out
      } catch (err) {
        if (!(err instanceof StoreUnavailableError)) throw err;
        this.#syncedAt = NEVER;
        log.debug({ err }, 'cannot check the leases of owners');
      }
      await clock.sleep(lookMs, signal);
    }
  }

  async #look(): Promise<void> {
    const { expirer, sync, refresh, isAhead, hold, syncMs, clock } = this.#options;
    const holdsLock = await hold();
    const isInStep = !isAhead() && Math.abs(clock.now() - this.#syncedAt) < syncMs;
    if (!holdsLock && isInStep) return await refresh();
    await sync();
    this.#syncedAt = clock.now();
    if (holdsLock) await expirer.pass(async () => !this.#stopped.signal.aborted && (await hold()));
  }
}
