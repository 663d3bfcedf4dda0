import type { Call, Event } from '../../client/index.ts';
import { Causes } from '../causes.ts';
import { Nearest } from '../nearest.ts';

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
    const nearest = new Nearest(this.#most);
    const causes = new Causes(this.#causes);
    let total = 0;
    for await (const call of calls) {
      total++;
      causes.add(call);
      nearest.add(call);
    }
    this.#nearest = nearest.all;
    this.#causes = causes;
    this.#total = total;
  }

  /** Applies an event until all calls are read again. */
  note({ call }: Event): void {
    if (!call) return; // an event about an owner; its calls have their own events
    const nearest = new Nearest(this.#most);
    for (const known of this.#nearest) if (known.id !== call.id) nearest.add(known);
    if (call.state === 'tracked') nearest.add(call);
    this.#nearest = nearest.all;
  }
}
