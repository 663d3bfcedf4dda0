import { randomUUID } from 'node:crypto';

/**
 * - `established`: it runs.
 * - `ended`: hung up, or over by itself.
 * - `timedOut`: ended by Graph for want of a keepAlive, which Callkeeper exists to prevent.
 */
export type CallState = 'established' | 'ended' | 'timedOut';

/** A call at the simulated Graph. Instants are epoch ms. */
export interface SimulatedCall {
  readonly id: string;
  readonly createdAt: number;
  /** When it is over by itself, if it is. */
  readonly endsAt: number;
  state: CallState;
  endedAt: number | null;
  /** The last keepAlive that succeeded, or the creation. */
  renewedAt: number;
  renewals: number;
  /** Requests that came after the end. */
  tooLate: number;
  /** Longest time between two successes, the start and the end included. */
  worstGapMs: number;
}

export interface CallOptions {
  /** Default: a new GUID. */
  id?: string;
  /** The call is over by itself after this. */
  endsAfterMs?: number;
}

/** Told of each call that has ended, when that is found. */
export type OnEnd = (call: SimulatedCall) => void;

/**
 * The calls of the simulated Graph. Ends are found when a call is looked at,
 * to the exact instant, so that no timer runs.
 */
export class Calls {
  readonly #deadlineMs: number;
  readonly #now: () => number;
  readonly #onEnd: OnEnd;
  readonly #calls = new Map<string, SimulatedCall>();

  constructor(deadlineMs: number, now: () => number, onEnd: OnEnd = () => undefined) {
    this.#deadlineMs = deadlineMs;
    this.#now = now;
    this.#onEnd = onEnd;
  }

  create(options: CallOptions = {}): SimulatedCall {
    const now = this.#now();
    const call: SimulatedCall = {
      id: options.id ?? randomUUID(),
      createdAt: now,
      endsAt: now + (options.endsAfterMs ?? Number.POSITIVE_INFINITY),
      state: 'established',
      endedAt: null,
      renewedAt: now,
      renewals: 0,
      tooLate: 0,
      worstGapMs: 0,
    };
    this.#calls.set(keyOf(call.id), call);
    return call;
  }

  /** A call as it is now, or null for an unknown id. */
  find(id: string): SimulatedCall | null {
    const call = this.#calls.get(keyOf(id));
    return call === undefined ? null : this.#settle(call);
  }

  all(): SimulatedCall[] {
    return [...this.#calls.values()].map((call) => this.#settle(call));
  }

  /** When the call ends unless a keepAlive comes, or has ended. */
  endsAt(call: SimulatedCall): number {
    return call.endedAt ?? Math.min(call.endsAt, call.renewedAt + this.#deadlineMs);
  }

  /** Forgets all calls. */
  clear(): void {
    this.#calls.clear();
  }

  /** Counts a keepAlive for a call that {@link find} says is established. */
  renew(call: SimulatedCall): void {
    const now = this.#now();
    call.worstGapMs = Math.max(call.worstGapMs, now - call.renewedAt);
    call.renewedAt = now;
    call.renewals += 1;
  }

  /** Hangs up; false where there was no such call any more. */
  end(id: string): boolean {
    const call = this.find(id);
    if (call?.state !== 'established') return false;
    this.#close(call, 'ended', this.#now());
    return true;
  }

  #settle(call: SimulatedCall): SimulatedCall {
    if (call.state !== 'established') return call;
    const now = this.#now();
    const deadlineAt = call.renewedAt + this.#deadlineMs;
    if (call.endsAt <= Math.min(now, deadlineAt)) this.#close(call, 'ended', call.endsAt);
    else if (deadlineAt <= now) this.#close(call, 'timedOut', deadlineAt);
    else call.worstGapMs = Math.max(call.worstGapMs, now - call.renewedAt);
    return call;
  }

  #close(call: SimulatedCall, state: CallState, at: number): void {
    call.state = state;
    call.endedAt = at;
    call.worstGapMs = Math.max(call.worstGapMs, at - call.renewedAt);
    this.#onEnd(call);
  }
}

/** Graph does not tell upper from lower case in ids. */
function keyOf(id: string): string {
  return id.toLowerCase();
}
