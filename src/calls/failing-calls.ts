import type { Call } from './call.ts';
import { type Cause, causesOf, type FailingCall } from './causes.ts';
import { deadlineAt } from './deadline.ts';
import type { Outcome } from './outcome.ts';
import { slotOf, turnAfter, type Wheel } from './wheel.ts';

/** More groups would make a diary too large; those with the fewest calls are left out. */
const MOST_CAUSES = 100;

export interface FailingCallsOptions {
  readonly wheel: Wheel;
  readonly deadlineMs: number;
}

/**
 * The calls whose last keepAlive this replica made, and which failed. It plans their next attempts,
 * so it knows first when they recover; the others learn of it at the slot's next turn only.
 */
export class FailingCalls {
  readonly #options: FailingCallsOptions;
  readonly #calls = new Map<string, FailingCall>();
  /** By app, when the last keepAlive that succeeded was sent. */
  readonly #successes = new Map<string, number>();

  constructor(options: FailingCallsOptions) {
    this.#options = options;
  }

  get successes(): ReadonlyMap<string, number> {
    return this.#successes;
  }

  attempted(call: Call, outcome: Outcome, now: number): void {
    const { id, app, tenantId } = call;
    if (outcome.kind === 'renewed') {
      this.#successes.set(app, Math.max(outcome.sentAt, this.#successes.get(app) ?? 0));
    }
    if (outcome.kind === 'renewed' || outcome.kind === 'ended') {
      this.drop(id);
      return;
    }
    const since = this.#calls.get(id)?.since ?? this.#since(call, now);
    const { error } = outcome;
    const deadline = deadlineAt(call, this.#options.deadlineMs);
    this.#calls.set(id, { app, tenantId, error, since, deadlineAt: deadline });
  }

  /** A call that another replica has tried before has failed since its turn after its last success. */
  #since(call: Call, now: number): number {
    const { id, failedAt, renewedAt, trackedAt } = call;
    if (failedAt === null) return now;
    const { wheel } = this.#options;
    const turnAt = renewedAt === null ? trackedAt : turnAfter(slotOf(id, wheel), renewedAt, wheel);
    return Math.min(failedAt, turnAt);
  }

  drop(id: string): void {
    this.#calls.delete(id);
  }

  /** @param current a tracked call as it is known now; null if it was removed */
  causes(current: (id: string) => Pick<Call, 'renewedAt'> | null): Cause[] {
    for (const [id, { error }] of this.#calls) {
      const call = current(id);
      // Another replica may have renewed it, or the bot may have stopped it there.
      if (call === null || (call.renewedAt ?? 0) > error.at) this.drop(id);
    }
    const successOf = (app: string) => this.#successes.get(app) ?? 0;
    return causesOf(this.#calls.values(), successOf).slice(0, MOST_CAUSES);
  }
}
