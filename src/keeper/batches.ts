/**
 * Handles items in batches, one batch at a time; the next one gathers meanwhile. A batch that is
 * not full may wait a moment, because a write costs hardly more for many items than for one.
 */
export class Batches<T> {
  readonly #handle: (batch: T[]) => Promise<void>;
  readonly #size: number;
  readonly #gather: (() => Promise<void>) | null;
  readonly #items: T[] = [];
  #writing: Promise<void> | null = null;
  /** Resolves when the batch is full, or no more items will come. */
  #enough = Promise.withResolvers<void>();
  #isLast = false;
  #isUrgent = false;

  /**
   * @param handle must not reject
   * @param gather resolves when a batch has waited long enough for more; null: no batch waits
   */
  constructor(
    size: number,
    handle: (batch: T[]) => Promise<void>,
    gather: (() => Promise<void>) | null = null,
  ) {
    this.#size = size;
    this.#gather = gather;
    this.#handle = handle;
  }

  add(item: T): void {
    this.#items.push(item);
    if (this.#items.length >= this.#size) this.#enough.resolve();
    this.#writing ??= this.#drain();
  }

  /** Handles what was added, without waiting for more items. */
  hurry(): void {
    this.#isUrgent = true;
    this.#enough.resolve();
  }

  /** Call it after the last `add`. Resolves when all items are handled. */
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
        if (this.#gather && !isEnough) await this.#more(this.#gather);
        this.#isUrgent = false;
        await this.#handle(this.#items.splice(0, this.#size));
      }
    } finally {
      this.#writing = null;
    }
  }

  #more(gather: () => Promise<void>): Promise<void> {
    this.#enough = Promise.withResolvers<void>();
    return Promise.race([gather(), this.#enough.promise]);
  }
}
