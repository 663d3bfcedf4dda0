import TinyQueue from 'tinyqueue';

/** An item in a lane. It must not change while it waits. */
export interface Waiting {
  /** Names what fails together: an app in a tenant. */
  readonly lane: string;
  /** The lowest rank goes first within its lane. */
  readonly rank: number;
}

/**
 * What a request says about its lane:
 *
 * - `ok`: it did what it was sent for
 * - `failed`: it was answered with an error, but not throttled; the lane is trusted less
 * - `trouble`: no answer, or one that asks for fewer requests (throttled)
 * - `unused`: nothing was sent; says nothing about the lane
 */
export type LaneFeedback = 'ok' | 'failed' | 'trouble' | 'unused';

/** Which share of the places a lane takes part in; see {@link FairLimiter}. */
export type LaneClass = 'new' | 'doubtful' | 'slow' | 'prompt';

/** A lane with at least this credit is trusted. A new lane is one success short of it. */
const TRUSTED_FROM = 4;
const MOST_CREDIT = 8;

/** The weight of the newest answer in the mean answer time. */
const NEWEST_SHARE = 1 / 4;

/**
 * A round lasts this many mean answer times. The window is halved at most once a round, so it still
 * grows if up to half of the requests fail.
 */
const ROUND_ANSWERS = 2;

/** One lane: what waits in it, what it has in flight, and what it has shown of itself. */
export class Lane<T extends Waiting> {
  readonly name: string;
  readonly waiting = new TinyQueue<T>([], (a, b) => a.rank - b.rank);
  busy = 0;
  /** The set of a group in which it waits for a place; null if it wants none. */
  waitsIn: Set<Lane<T>> | null = null;
  #window = 1;
  /** When the window was last cut. Requests admitted before that say nothing about its new size. */
  #cutAt = Number.NEGATIVE_INFINITY;
  #credit = TRUSTED_FROM - 1;
  #isNew = true;
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
  classify(slowMs: number): LaneClass {
    if (this.#isNew) return 'new';
    if (this.#credit < TRUSTED_FROM) return 'doubtful';
    return this.#answerMs !== null && this.#answerMs > slowMs ? 'slow' : 'prompt';
  }

  /** Learns from a request that was admitted at `since` and has ended now (monotonic, in ms). */
  learn(feedback: LaneFeedback, since: number, now: number, places: number): void {
    if (feedback === 'unused') return;
    this.#isNew = false;
    if (feedback === 'ok') {
      this.#window = Math.min(places, this.#window + 1);
      this.#credit = Math.min(MOST_CREDIT, this.#credit + 1);
      this.#answerMs ??= now - since;
      this.#answerMs += (now - since - this.#answerMs) * NEWEST_SHARE;
      return;
    }
    this.#credit = Math.floor(this.#credit / 2);
    if (feedback === 'trouble') this.#cut(since, now);
  }

  /**
   * Halves the window at most once a round, as TCP does, even if many requests of the round fail. A
   * round is at least two answer times, because throttled requests are answered sooner than those
   * that succeed and grow the window.
   */
  #cut(since: number, now: number): void {
    const roundMs = ROUND_ANSWERS * (this.#answerMs ?? 0);
    if (since < this.#cutAt || now - this.#cutAt < roundMs) return;
    this.#window = Math.max(1, Math.floor(this.#window / 2));
    this.#cutAt = now;
  }
}
