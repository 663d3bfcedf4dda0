import { batchesOf } from '../calls/batches-of.ts';

interface Queued<W, R> {
  readonly writes: readonly W[];
  readonly resolve: (results: R[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers the writes of one turn of the event loop, because a script costs more than a write. A
 * caller gets its own results, and fails only with the script that has its writes.
 */
export class WriteQueue<W, R> {
  readonly #size: number;
  readonly #write: (writes: readonly W[]) => Promise<R[]>;
  readonly #queue: Queued<W, R>[] = [];

  /**
   * @param size the most writes of one script
   * @param write returns one result for each, in order
   */
  constructor(size: number, write: (writes: readonly W[]) => Promise<R[]>) {
    this.#size = size;
    this.#write = write;
  }

  /** Resolves with one result for each write, in order. */
  async add(writes: readonly W[]): Promise<R[]> {
    const chunks = [...batchesOf(writes, this.#size)].map((chunk) => this.#enqueue(chunk));
    return (await Promise.all(chunks)).flat();
  }

  #enqueue(writes: readonly W[]): Promise<R[]> {
    if (this.#queue.length === 0) setImmediate(() => this.#flush());
    return new Promise((resolve, reject) => this.#queue.push({ writes, resolve, reject }));
  }

  #flush(): void {
    let batch: Queued<W, R>[] = [];
    let size = 0;
    for (const queued of this.#queue.splice(0)) {
      if (size + queued.writes.length > this.#size) {
        void this.#writeBatch(batch);
        batch = [];
        size = 0;
      }
      batch.push(queued);
      size += queued.writes.length;
    }
    void this.#writeBatch(batch);
  }

  async #writeBatch(batch: readonly Queued<W, R>[]): Promise<void> {
    try {
      const results = await this.#write(batch.flatMap(({ writes }) => writes));
      for (const { writes, resolve } of batch) resolve(results.splice(0, writes.length));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
