import type { Random } from '../calls/ports.ts';

const FIRST_MS = 1000;
const MAX_MS = 30_000;
/** The longest wait that the server may ask for, in ms. */
const MAX_ASKED_MS = 5 * 60_000;

/**
 * When to retry: after about 1 s, then twice as long each time, up to 30 s. Each wait is randomly
 * shortened by up to a half, so that replicas do not retry in step. Instants are monotonic ms.
 */
export class Backoff {
  readonly #random: Random;
  #failures = 0;
  #until = Number.NEGATIVE_INFINITY;
  #askedUntil = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * @param leftMs until a deadline; a pause is at most half of that, and at least {@link FIRST_MS}
   * @param reserveMs a pause that the server asked for does not count if it ends this near to it
   */
  ready(now: number, leftMs = Number.POSITIVE_INFINITY, reserveMs = 0): boolean {
    const isCut = this.#until > now + leftMs / 2 && now >= this.#failedAt + FIRST_MS;
    if (now < this.#until && !isCut) return false;
    return now >= this.#askedUntil || this.#askedUntil > now + leftMs - reserveMs;
  }

  /** @param askedMs the wait that the server asked for, if it did */
  failed(now: number, askedMs = 0): void {
    const ceiling = Math.min(FIRST_MS * 2 ** this.#failures, MAX_MS);
    const own = ceiling * (0.5 + this.#random() / 2);
    this.#failedAt = now;
    this.#until = now + own;
    this.#askedUntil = now + Math.min(askedMs, MAX_ASKED_MS);
    this.#failures += 1;
  }

  reset(): void {
    this.#failures = 0;
    this.#until = Number.NEGATIVE_INFINITY;
    this.#askedUntil = Number.NEGATIVE_INFINITY;
  }
}
