import type { Call } from '../calls/call.ts';
import { lookAgainAt, planVisit } from '../calls/plan.ts';
import type { SettledClock } from '../calls/ports.ts';
import type { RetryPolicy } from '../calls/retry.ts';
import { slotOf, turnAfter, type Wheel } from '../calls/wheel.ts';
import { Agenda, type Planned } from './agenda.ts';
import { readCalls } from './read-calls.ts';
import type { Registries } from './registries.ts';

export interface PlannerOptions {
  readonly registries: Registries;
  readonly clock: SettledClock;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  readonly policy: RetryPolicy;
  /** See `VisitContext`. */
  readonly skewMs: number;
  /** The call is due, or its `trackUntil` has come. */
  readonly onDue: (call: Call) => void;
}

/**
 * Plans what calls need between their slots' turns: their next attempts, and the end of their
 * tracking. When an instant comes, it reads the record again and decides by that.
 */
export class Planner {
  readonly #options: PlannerOptions;
  readonly #agenda: Agenda;
  readonly #looking = new Set<Promise<void>>();

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.#agenda = new Agenda(options.clock, (due) => {
      const looking = this.#look(due).finally(() => this.#looking.delete(looking));
      this.#looking.add(looking);
    });
  }

  has(id: string): boolean {
    return this.#agenda.has(id);
  }

  /** @param graceMs how long past its time an attempt is left to the replica that planned it */
  plan(call: Call, graceMs = 0): void {
    const { clock, wheel, policy } = this.#options;
    const now = clock.now();
    // A little after the turn, because its visit may have read the slot just before the call came.
    const nextTurnAt = turnAfter(slotOf(call.id, wheel), now, wheel) + policy.firstMs;
    const at = lookAgainAt(call, { ...this.#context(graceMs), nextTurnAt });
    // Never sooner than the floor, or a bad record would make this loop busy.
    if (at !== null)
      this.#agenda.add({ id: call.id, at: Math.max(at, now + policy.floorMs), graceMs });
  }

  lookNow(id: string): void {
    this.#agenda.add({ id, at: this.#options.clock.now(), graceMs: 0 });
  }

  async stop(): Promise<void> {
    await this.#agenda.stop();
    await Promise.all(this.#looking);
  }

  async #look(due: readonly Planned[]): Promise<void> {
    const { registries, onDue } = this.#options;
    const entries = await readCalls(
      registries,
      due.map(({ id }) => id),
    );
    const turnAt = Number.NEGATIVE_INFINITY; // nothing is due for its slot's turn
    for (const [i, { graceMs }] of due.entries()) {
      const entry = entries[i];
      if (!entry) continue; // removed; or it cannot be read, and the watch takes care of it
      const { post, stop } = planVisit([entry], { turnAt, ...this.#context(graceMs) });
      if (post.length + stop.length > 0) onDue(entry.call);
      else this.plan(entry.call, graceMs);
    }
  }

  #context(retryGraceMs: number) {
    const { clock, deadlineMs, skewMs } = this.#options;
    return { now: clock.now(), settledNow: clock.settledNow(), deadlineMs, skewMs, retryGraceMs };
  }
}
