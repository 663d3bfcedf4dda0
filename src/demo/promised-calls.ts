/** What Callkeeper has promised about one call. Epoch ms. */
export interface PromisedCall {
  /** When Callkeeper stopped the call because its bot was dead; null: never. */
  readonly releasedAt: number | null;
  /** Longest time without a success until the first release; null if there was none. */
  readonly releasedGapMs: number | null;
  /** When the call was tracked again after the last release; null if it was not. */
  readonly againAt: number | null;
}

export interface PromisedCallsOptions {
  readonly now: () => number;
  /** The longest time without a success, by what Graph saw. */
  readonly gapMs: (callId: string) => number;
}

const FIRST: PromisedCall = { releasedAt: null, releasedGapMs: null, againAt: null };

export class PromisedCalls {
  readonly #options: PromisedCallsOptions;
  readonly #calls = new Map<string, PromisedCall>();

  constructor(options: PromisedCallsOptions) {
    this.#options = options;
  }

  get all(): ReadonlyMap<string, PromisedCall> {
    return this.#calls;
  }

  /** Callkeeper has acknowledged that the call is tracked. */
  give(callId: string): void {
    const known = this.#calls.get(callId);
    const isReleased = known?.releasedAt != null && known.againAt === null;
    if (!known) this.#calls.set(callId, FIRST);
    else if (isReleased) this.#calls.set(callId, { ...known, againAt: this.#options.now() });
  }

  /** From now on the call may die: its bot is dead, and Callkeeper has stopped it. */
  release(callId: string): void {
    const known = this.#calls.get(callId);
    if (!known) return;
    const { now, gapMs } = this.#options;
    const releasedGapMs = known.releasedGapMs ?? gapMs(callId);
    this.#calls.set(callId, { releasedAt: now(), releasedGapMs, againAt: null });
  }
}
