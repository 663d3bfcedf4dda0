import { randomUUID } from 'node:crypto';

/**
 * - `established`: it runs.
 * - `ended`: somebody hung up, or its time was over.
 * - `timedOut`: Graph ended it because it got no keepAlive, which Callkeeper should prevent.
 */
export type CallState = 'established' | 'ended' | 'timedOut';

/** A call at the simulated Graph. Instants are epoch ms. */
export interface SimulatedCall {
  readonly id: string;
  readonly createdAt: number;
  /** When it ends by itself; Infinity: never. */
  readonly endsAt: number;
  state: CallState;
  endedAt: number | null;
  /** The last keepAlive that succeeded, or the creation. */
  renewedAt: number;
  renewals: number;
  /** Requests that came after the end. */
  tooLate: number;
  /** The longest time between two successes, including the start and the end. */
  worstGapMs: number;
}

export interface CallOptions {
  id?: string;
  /** The call ends by itself after this. */
  endsAfterMs?: number;
}

export type OnEnd = (call: SimulatedCall) => void;

/**
 * The calls of the simulated Graph. It needs no timers: the end of a call is found, with its exact
 * instant, when somebody looks at the call.
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
    return call === undefined ? null : this.#closeIfOver(call);
  }

  all(): SimulatedCall[] {
    return [...this.#calls.values()].map((call) => this.#closeIfOver(call));
  }

  /** When the call ends unless a keepAlive comes, or has ended. */
  endsAt(call: SimulatedCall): number {
    return call.endedAt ?? Math.min(call.endsAt, call.renewedAt + this.#deadlineMs);
  }

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

  /** Hangs up; false if the call was over or unknown. */
  end(id: string): boolean {
    const call = this.find(id);
    if (call?.state !== 'established') return false;
    this.#close(call, 'ended', this.#now());
    return true;
  }

  #closeIfOver(call: SimulatedCall): SimulatedCall {
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

/** Graph ignores the case of ids. */
function keyOf(id: string): string {
  return id.toLowerCase();
}
