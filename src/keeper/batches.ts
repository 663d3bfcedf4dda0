/**
 * Writes items in batches, one at a time; the next one gathers meanwhile. A batch that is not full
 * waits a moment, because a write costs hardly more for many items than for one.
 */
export class Batches<T> {
  readonly #write: (batch: T[]) => Promise<void>;
  readonly #size: number;
  readonly #gather: () => Promise<void>;
  readonly #items: T[] = [];
  #writing: Promise<void> | null = null;
  /** Resolves when the batch is full, or no more items will come. */
  #enough = Promise.withResolvers<void>();
  #isLast = false;
  #isUrgent = false;

  /**
   * @param gather resolves after the moment that a batch waits for more items
   * @param write must not reject
   */
  constructor(size: number, gather: () => Promise<void>, write: (batch: T[]) => Promise<void>) {
    this.#size = size;
    this.#gather = gather;
    this.#write = write;
  }

  add(item: T): void {
    this.#items.push(item);
    if (this.#items.length >= this.#size) this.#enough.resolve();
    this.#writing ??= this.#drain();
  }

  /** Writes what was added, without waiting for more items. */
  hurry(): void {
    this.#isUrgent = true;
    this.#enough.resolve();
  }

  /** Call it after the last `add`. Resolves when all items are written. */
  async settled(): Promise<void> {
    this.#isLast = true;
    this.#enough.resolve();
    await this.#writing;
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
    } finally {
      this.#writing = null;
    }
  }

  #more(): Promise<void> {
    this.#enough = Promise.withResolvers<void>();
    return Promise.race([this.#gather(), this.#enough.promise]);
  }
}
