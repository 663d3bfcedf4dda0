import TinyQueue from 'tinyqueue';

/** Ends the use of a place; must be called exactly once. */
export type Leave = () => void;

interface Waiting {
  readonly deadlineAt: number;
  admit(leave: Leave): void;
}

/**
 * Bounds how many keepAlives run at once. Where more want to, those with the
 * nearest deadline go first, whichever visit they belong to.
 */
export class Lanes {
  readonly #places: number;
  readonly #queue = new TinyQueue<Waiting>([], (a, b) => a.deadlineAt - b.deadlineAt);
  #busy = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Waits for a place. Whoever was told to stop meanwhile leaves again at once. */
  enter(deadlineAt: number): Promise<Leave> {
    if (this.#busy < this.#places) return Promise.resolve(this.#occupy());
    return new Promise((admit) => this.#queue.push({ deadlineAt, admit }));
  }

  #occupy(): Leave {
    this.#busy++;
    return () => {
      this.#busy--;
      this.#queue.pop()?.admit(this.#occupy());
    };
  }
}
