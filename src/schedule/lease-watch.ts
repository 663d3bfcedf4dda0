import type { Logger } from 'pino';
import type { LeaseJudge } from '../calls/lease-judge.ts';
import { type SettledClock, StoreUnavailableError } from '../calls/ports.ts';

export interface LeaseWatchOptions {
  readonly judge: Pick<LeaseJudge, 'pass'>;
  /**
   * Brings the owners that this replica knows up to date; rejects if Redis does not answer.
   *
   * @param isNew this replica has not judged just before: removed owners are compared too
   */
  readonly sync: (isNew: boolean) => Promise<void>;
  /** The same for those that another replica is about to judge. */
  readonly refresh: () => Promise<void>;
  readonly isUp: () => boolean;
  /** Whether this replica knows more about owners than Redis does. */
  readonly isAhead: () => boolean;
  /** Whether this replica is the one that judges, for a while from now on. */
  readonly hold: () => Promise<boolean>;
  /** Between two looks at the leases, in ms. */
  readonly lookMs: number;
  /** A replica that does not judge brings its owners up to date this often, in ms. */
  readonly syncMs: number;
  readonly clock: SettledClock;
  readonly log: Logger;
  /** It throws where nothing should: this replica cannot go on. */
  readonly onFatal?: (error: Error) => void;
}

/**
 * Looks at the leases of owners again and again, in one replica at a time. While Redis is out
 * nobody does: no lease runs meanwhile.
 */
export class LeaseWatch {
  readonly #options: LeaseWatchOptions;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #syncedAt = Number.NEGATIVE_INFINITY;
  #isJudge = false;

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
      } catch (err) {
        if (!(err instanceof StoreUnavailableError)) throw err;
        this.#isJudge = false;
        log.debug({ err }, 'the leases of owners cannot be judged now');
      }
      await clock.sleep(lookMs, signal);
    }
  }

  async #look(): Promise<void> {
    const { judge, sync, refresh, isAhead, hold, syncMs, clock } = this.#options;
    const isJudge = await hold();
    const isNew = isJudge && !this.#isJudge;
    this.#isJudge = isJudge;
    const isInStep = !isAhead() && Math.abs(clock.now() - this.#syncedAt) < syncMs;
    if (!isJudge && isInStep) return await refresh();
    await sync(isNew || !isJudge);
    this.#syncedAt = clock.now();
    if (isJudge) await judge.pass(async () => !this.#stopped.signal.aborted && (await hold()));
  }
}
