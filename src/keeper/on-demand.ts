import type { Clock, KeepAliveResult, TooSoon } from '../calls/ports.ts';

export interface OnDemandOptions {
  /** Hands the call to the keeper, or joins the keepAlive that is on its way. */
  readonly join: (id: string, signal: AbortSignal) => Promise<KeepAliveResult>;
  readonly waiting: (id: string) => number;
  readonly isOnItsWay: (id: string) => boolean;
  /** The result if there is no outcome in time. */
  readonly late: () => KeepAliveResult;
  readonly clock: Clock;
  /** The shortest time between two requests on demand for one call, in ms. */
  readonly floorMs: number;
  readonly waitMs: number;
}

/** At most this many recent requests are remembered; for older ones the floor does not hold. */
const MOST_REMEMBERED = 10_000;

const MOST_WAITING = 64;

/** KeepAlives that a client waits for: one at a time for each call, and not too often. */
export class OnDemand {
  readonly #options: OnDemandOptions;
  /** The last request for each call, the oldest first. Epoch ms. */
  readonly #askedAt = new Map<string, number>();

  constructor(options: OnDemandOptions) {
    this.#options = options;
  }

  async ask(id: string): Promise<KeepAliveResult | TooSoon> {
    const { join, waiting, isOnItsWay, late, clock, floorMs, waitMs } = this.#options;
    if (waiting(id) >= MOST_WAITING) return { retryAfterMs: floorMs };
    if (!isOnItsWay(id)) {
      const now = clock.now();
      const sinceMs = now - (this.#askedAt.get(id) ?? Number.NEGATIVE_INFINITY);
      if (sinceMs >= 0 && sinceMs < floorMs) return { retryAfterMs: floorMs - sinceMs };
      this.#remember(id, now);
    }
    const enough = new AbortController();
    const timeout = clock.sleep(waitMs, enough.signal).then(late);
    return await Promise.race([join(id, enough.signal), timeout]).finally(() => enough.abort());
  }

  #remember(id: string, now: number): void {
    this.#askedAt.delete(id);
    this.#askedAt.set(id, now);
    for (const [oldest, at] of this.#askedAt) {
      const isOver = Math.abs(now - at) >= this.#options.floorMs;
      if (!isOver && this.#askedAt.size <= MOST_REMEMBERED) break;
      this.#askedAt.delete(oldest);
    }
  }
}
