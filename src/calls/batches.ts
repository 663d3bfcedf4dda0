/**
 * Gathers items and hands them on in batches, one batch at a time: while one is
 * being written the next one gathers. After a failure nothing more is written.
 */
export class Batches<T> {
  readonly #write: (batch: T[]) => Promise<void>;
  readonly #size: number;
  readonly #items: T[] = [];
  #writing: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(size: number, write: (batch: T[]) => Promise<void>) {
    this.#size = size;
    this.#write = write;
  }

  get failed(): boolean {
    return this.#failure !== null;
  }

  add(item: T): void {
    if (this.#failure) return;
    this.#items.push(item);
    this.#writing ??= this.#drain();
  }

  /** Waits until all is written; rejects with the first failure. */
  async settled(): Promise<void> {
    await this.#writing;
    if (this.#failure) throw this.#failure.error;
  }

  async #drain(): Promise<void> {
    // Lets what is ready in this turn of the event loop gather first.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (this.#items.length > 0) await this.#write(this.#items.splice(0, this.#size));
    } catch (error) {
      this.#failure ??= { error };
      this.#items.length = 0;
    } finally {
      this.#writing = null;
    }
  }
}
