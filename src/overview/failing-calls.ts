import type { Call } from '../calls/call.ts';
import { deadlineAt } from '../calls/deadline.ts';
import type { Outcome } from '../calls/outcome.ts';
import type { Reason } from '../calls/record.ts';
import { slotOf, turnAfter, type Wheel } from '../calls/wheel.ts';
import { CauseGroups, type FailingCall, type FailureCause } from './causes.ts';

/** More groups would make a diary too large; those with the fewest calls are left out. */
export const MOST_CAUSES = 100;
/** The longest message of a cause or an incident, in characters. */
const MOST_MESSAGE = 300;
/** A count may be paused after this many calls: about half a millisecond of work. */
export const COUNT_STEP = 250;

/** null if the call was removed. */
export type CurrentCall = (id: string) => Pick<Call, 'renewedAt'> | null;

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

  /** Pauses after each {@link COUNT_STEP} calls. */
  *countCauses(current: CurrentCall): Generator<void, FailureCause[]> {
    const groups = new CauseGroups();
    let read = 0;
    for (const [id, failing] of this.#calls) {
      if (read > 0 && read % COUNT_STEP === 0) yield;
      read++;
      const call = current(id);
      // Another replica may have renewed it, or the bot may have stopped it there.
      if (call === null || (call.renewedAt ?? 0) > failing.error.at) this.drop(id);
      else groups.addCall(failing, this.#successes.get(failing.app) ?? 0);
    }
    const most = groups.sorted.slice(0, MOST_CAUSES);
    return most.map((cause) => ({
      ...cause,
      error: { at: cause.error.at, ...shortReason(cause.error) },
    }));
  }
}

/** Keeps a page small. */
export function shortReason({ status, code, message }: Reason): Reason {
  return { status, code, message: message.slice(0, MOST_MESSAGE) };
}
