import type { Call } from '../client/index.ts';
import { byDeadline } from './causes.ts';

/** Room beyond the limit, so that not every new call causes a sort. */
const SPARE = 1_000;

/** Keeps the calls nearest to their deadlines, in bounded memory. */
export class Nearest {
  readonly #most: number;
  #calls: Call[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** The nearest deadline first; of equal ones, the call that was added first. */
  get all(): readonly Call[] {
    return this.#calls.toSorted(byDeadline).slice(0, this.#most);
  }

  add(call: Call): void {
    this.#calls.push(call);
    if (this.#calls.length >= 2 * this.#most + SPARE) this.#calls = [...this.all];
  }
}
