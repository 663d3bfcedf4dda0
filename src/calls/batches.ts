/** Waits for a moment in which more items may come; ends at once when the signal aborts. */
export type Gather = (signal: AbortSignal) => Promise<void>;

/** Said once: a reason that is made up each time has a stack to be taken down. */
const ENOUGH = 'enough';

/**
 * Gathers items and hands them on in batches, one batch at a time: while one is
 * being written the next one gathers. A batch that is not full waits a moment for
 * more, as a write costs hardly more for many than for one. After a failure
 * nothing more is written.
 */
export class Batches<T> {
  readonly #write: (batch: T[]) => Promise<void>;
  readonly #size: number;
  readonly #gather: Gather;
  readonly #items: T[] = [];
  #writing: Promise<void> | null = null;
  /** Ends the wait for more: the batch is full, or no more will come. */
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

  /** Writes what was added, without waiting for more. */
  hurry(): void {
    this.#isUrgent = true;
    this.#enough.abort(ENOUGH);
  }

  /** To be called when all is added. Waits until it is written; rejects with the first failure. */
  async settled(): Promise<void> {
    this.#isLast = true;
    this.#enough.abort(ENOUGH);
    await this.#writing;
    if (this.#failure) throw this.#failure.error;
  }

  async #drain(): Promise<void> {
    // Lets what is ready in this turn of the event loop gather first.
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
