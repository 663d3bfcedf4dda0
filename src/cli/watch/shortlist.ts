import type { Call, Event } from '../../client/index.ts';
import { byDeadline, Causes } from '../causes.ts';

/** What the page needs about any number of calls, in bounded memory. */
export class Shortlist {
  readonly #most: number;
  #nearest: readonly Call[] = [];
  #causes = new Causes();
  #total = 0;

  /** @param most how many of the calls nearest to their deadlines it keeps */
  constructor(most: number) {
    this.#most = most;
  }

  /** The calls nearest to their deadlines, the nearest first. */
  get nearest(): readonly Call[] {
    return this.#nearest;
  }

  get causes(): Causes {
    return this.#causes;
  }

  get total(): number {
    return this.#total;
  }

  /** Replaces everything by these calls, once all of them have come. */
  async read(calls: AsyncIterable<Call>): Promise<void> {
    const nearest: Call[] = [];
    const causes = new Causes(this.#causes);
    let total = 0;
    for await (const call of calls) {
      total++;
      causes.add(call);
      this.#insert(nearest, call);
    }
    this.#nearest = nearest;
    this.#causes = causes;
    this.#total = total;
  }

  /** Applies an event until all calls are read again. */
  note({ call }: Event): void {
    if (!call) return; // an event about an owner; its calls have their own events
    const nearest = this.#nearest.filter(({ id }) => id !== call.id);
    if (call.state === 'tracked') this.#insert(nearest, call);
    this.#nearest = nearest;
  }

  #insert(calls: Call[], call: Call): void {
    const last = calls.at(-1);
    if (calls.length === this.#most && last && byDeadline(call, last) >= 0) return;
    const at = calls.findIndex((other) => byDeadline(call, other) < 0);
    calls.splice(at < 0 ? calls.length : at, 0, call);
    if (calls.length > this.#most) calls.pop();
  }
}
