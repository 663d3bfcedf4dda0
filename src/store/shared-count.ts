import { performance } from 'node:perf_hooks';

const LEAST_AGE_MS = 1_000;
/** Also this many durations of a count, so that counting takes at most a tenth of the time. */
const AGE_PER_COST = 10;

/** Shares one count among all callers, and counts again only when it is old. */
export class SharedCount<T> {
  readonly #make: () => Promise<T>;
  #last: Promise<T> | null = null;
  /** Monotonic. */
  #staleAt = 0;

  constructor(make: () => Promise<T>) {
    this.#make = make;
  }

  latest(): Promise<T> {
    if (this.#last !== null && performance.now() < this.#staleAt) return this.#last;
    this.#staleAt = Number.POSITIVE_INFINITY;
    this.#last = this.#count();
    return this.#last;
  }

  async #count(): Promise<T> {
    const startedAt = performance.now();
    try {
      return await this.#make();
    } finally {
      const now = performance.now();
      this.#staleAt = now + Math.max(LEAST_AGE_MS, AGE_PER_COST * (now - startedAt));
    }
  }
}
