import TinyQueue from 'tinyqueue';

/** An item in a lane. It must not change while it waits. */
export interface Waiting {
  /** Names what fails together: an app in a tenant. */
  readonly lane: string;
  /** Epoch ms. The nearest goes first within its lane. */
  readonly deadlineAt: number;
}

/**
 * How a request fared:
 *
 * - `ok`: it succeeded
 * - `failed`: the answer was a failure
 * - `trouble`: no answer, or one that asks for fewer requests (throttled, refused)
 * - `unused`: nothing was sent, which says nothing about the lane
 */
export type Fared = 'ok' | 'failed' | 'trouble' | 'unused';

/** Which share of the places a lane may use; see {@link FairLimiter}. */
export type Standing = 'doubtful' | 'slow' | 'prompt';

/** A lane with at least this credit is trusted. A new lane is one success short of it. */
const TRUSTED_FROM = 4;
const MOST_CREDIT = 8;

/** The weight of the newest answer in the mean answer time. */
const NEWEST_SHARE = 1 / 4;

/** One lane: its waiting items, its requests in flight, and how its recent requests fared. */
export class Lane<T extends Waiting> {
  readonly name: string;
  readonly waiting = new TinyQueue<T>([], (a, b) => a.deadlineAt - b.deadlineAt);
  /** How many places it holds. */
  busy = 0;
  /** How many places it may hold. */
  #window = 1;
  #credit = TRUSTED_FROM - 1;
  #answerMs: number | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get isIdle(): boolean {
    return this.busy === 0 && this.waiting.length === 0;
  }

  get wantsPlace(): boolean {
    return this.waiting.length > 0 && this.busy < this.#window;
  }

  /** @param slowMs a lane is slow if its answers take longer than this on average */
  standing(slowMs: number): Standing {
    if (this.#credit < TRUSTED_FROM) return 'doubtful';
    return this.#answerMs !== null && this.#answerMs > slowMs ? 'slow' : 'prompt';
  }

  /** Takes the result of a request into account. `tookMs` is how long it held its place. */
  learn(fared: Fared, tookMs: number, places: number): void {
    if (fared === 'unused') return;
    if (fared === 'ok') {
      this.#window = Math.min(places, this.#window + 1);
      this.#credit = Math.min(MOST_CREDIT, this.#credit + 1);
      this.#answerMs ??= tookMs;
      this.#answerMs += (tookMs - this.#answerMs) * NEWEST_SHARE;
      return;
    }
    this.#credit = Math.floor(this.#credit / 2);
    if (fared === 'trouble') this.#window = Math.max(1, Math.floor(this.#window / 2));
  }
}
