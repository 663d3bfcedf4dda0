import type { Call, Event } from '../../client/index.ts';

/** Of any number of calls the few that are worth a look: memory is bounded. */
export class Shortlist {
  readonly #most: number;
  #nearest: readonly Call[] = [];
  #failing: readonly Call[] = [];

  /** @param most calls of each kind */
  constructor(most: number) {
    this.#most = most;
  }

  /** Nearest to their deadlines, the nearest first. */
  get nearest(): readonly Call[] {
    return this.#nearest;
  }

  /** Whose last keepAlive failed, the nearest to its deadline first. */
  get failing(): readonly Call[] {
    return this.#failing;
  }

  /** Takes these calls instead of those before, when all have come. */
  async read(calls: AsyncIterable<Call>): Promise<void> {
    const nearest: Call[] = [];
    const failing: Call[] = [];
    for await (const call of calls) {
      this.#sort(call, nearest, failing);
    }
    this.#nearest = nearest;
    this.#failing = failing;
  }

  /** What has happened to a call: it is as the event says, until all are read again. */
  note({ call }: Event): void {
    if (!call) return; // an event about an owner; its calls have their own events
    const others = (calls: readonly Call[]) => calls.filter(({ id }) => id !== call.id);
    const [nearest, failing] = [others(this.#nearest), others(this.#failing)];
    if (call.state === 'tracked') this.#sort(call, nearest, failing);
    this.#nearest = nearest;
    this.#failing = failing;
  }

  #sort(call: Call, nearest: Call[], failing: Call[]): void {
    this.#insert(nearest, call);
    if (call.consecutiveFailures > 0) this.#insert(failing, call);
  }

  /** RFC 3339 in UTC with milliseconds is in the order of its text. */
  #insert(calls: Call[], call: Call): void {
    const last = calls.at(-1);
    if (calls.length === this.#most && last && call.deadlineAt >= last.deadlineAt) return;
    const at = calls.findIndex(({ deadlineAt }) => call.deadlineAt < deadlineAt);
    calls.splice(at < 0 ? calls.length : at, 0, call);
    if (calls.length > this.#most) calls.pop();
  }
}
