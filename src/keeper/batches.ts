/** Waits a moment for more items; resolves at once when the signal aborts. */
export type Gather = (signal: AbortSignal) => Promise<void>;

/** A string, because a new Error for each abort would capture its stack. */
const ENOUGH = 'enough';

/**
 * Writes items in batches, one at a time; the next one gathers meanwhile. A batch that is not full
 * waits a moment, because a write costs hardly more for many items than for one. After a failure
 * nothing more is written.
 */
export class Batches<T> {
  readonly #write: (batch: T[]) => Promise<void>;
  readonly #size: number;
  readonly #gather: Gather;
  readonly #items: T[] = [];
  #writing: Promise<void> | null = null;
  /** Aborts when the batch is full, or no more items will come. */
  #enough = new AbortController();
  #isLast = false;
  #isUrgent = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(size: number, gather: Gather, write: (batch: T[]) => Promise<void>) {
    this.#size = size;
    this.#gather = gather;
    this.#write = write;
  }

  get failed(): boolean {
    return this.#failure !== null;
  }

  add(item: T): void {
    if (this.#failure) return;
    this.#items.push(item);
    if (this.#items.length >= this.#size) this.#enough.abort(ENOUGH);
    this.#writing ??= this.#drain();
  }

  /** Writes what was added, without waiting for more items. */
  hurry(): void {
    this.#isUrgent = true;
    this.#enough.abort(ENOUGH);
  }

  /** Call it after the last `add`. Rejects with the first failure of a write. */
  async settled(): Promise<void> {
    this.#isLast = true;
    this.#enough.abort(ENOUGH);
    await this.#writing;
    if (this.#failure) throw this.#failure.error;
  }

  async #drain(): Promise<void> {
    // Items that are added in the same turn of the event loop belong to the batch.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (this.#items.length > 0) {
        const isEnough = this.#items.length >= this.#size || this.#isLast || this.#isUrgent;
        if (!isEnough) await this.#more();
        this.#isUrgent = false;
        await this.#write(this.#items.splice(0, this.#size));
      }
    } catch (error) {
      this.#failure ??= { error };
      this.#items.length = 0;
    } finally {
      this.#writing = null;
    }
  }

  #more(): Promise<void> {
    this.#enough = new AbortController();
    return this.#gather(this.#enough.signal);
  }
}
