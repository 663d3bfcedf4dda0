import type { Logger } from 'pino';
import type { CallRegistry, Clock } from '../calls/ports.ts';
import type { Release } from '../limiter/fair-limiter.ts';
import { Batches } from './batches.ts';
import type { Pending } from './pending.ts';

/** A call that has its place in the limiter. */
export interface Admitted {
  readonly pending: Pending;
  readonly release: Release;
}

export interface SecondLookOptions {
  readonly registry: Pick<CallRegistry, 'read'>;
  readonly clock: Clock;
  /** Monotonic, in ms. */
  readonly uptime: () => number;
  /** The most calls that have a place at once. */
  readonly places: number;
  /** A record that was read longer ago than this is read again, in ms. */
  readonly staleMs: number;
  readonly log: Pick<Logger, 'error'>;
  readonly onLooked: (admitted: Admitted) => void;
}

/** How long a batch waits for Redis at most, in ms. A call may also wait for the batch before. */
const PATIENCE_MS = 100;

/**
 * Reads the records of calls that waited for long again, right before their keepAlives are sent:
 * another replica may have renewed the calls. A call keeps its place meanwhile, so at most `places`
 * records are read at once. If Redis does not answer in time, no record is read again for
 * `staleMs`, because otherwise the places would stand idle.
 */
export class SecondLook {
  readonly #options: SecondLookOptions;
  readonly #batches: Batches<Admitted>;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(options: SecondLookOptions) {
    this.#options = options;
    this.#batches = new Batches<Admitted>(options.places, (batch) => this.#look(batch));
  }

  isNeeded({ readAt }: Pending): boolean {
    const { uptime, staleMs } = this.#options;
    const now = uptime();
    return now - readAt > staleMs && now >= this.#pausedUntil;
  }

  add(admitted: Admitted): void {
    this.#batches.add(admitted);
  }

  async #look(batch: readonly Admitted[]): Promise<void> {
    const { clock, uptime, staleMs, onLooked } = this.#options;
    const enough = new AbortController();
    const tooLong = clock.sleep(PATIENCE_MS, enough.signal).then(() => false);
    const isRead = await Promise.race([this.#read(batch), tooLong]);
    enough.abort();
    if (!isRead) this.#pausedUntil = uptime() + staleMs;
    for (const admitted of batch) onLooked(admitted);
  }

  async #read(batch: readonly Admitted[]): Promise<boolean> {
    const { registry, uptime, log } = this.#options;
    const at = uptime();
    try {
      await registry.read(batch.map(({ pending }) => pending.id));
      for (const { pending } of batch) pending.readAt = at;
      return true;
    } catch (err) {
      log.error({ err, calls: batch.length }, 'cannot read records again before their keepAlives');
      return false;
    }
  }
}
