import { Lane, type LaneClass, type LaneFeedback, type Waiting } from './lane.ts';
import { LaneGroup } from './lane-group.ts';

export type { LaneFeedback, Waiting } from './lane.ts';

/** Frees the place. Call it exactly once, with the result of the request. */
export type Release = (feedback: LaneFeedback) => void;

export interface FairLimiterOptions<T> {
  /** The most requests in flight; at least {@link LEAST_PLACES}. */
  readonly places: number;
  /** A lane is slow if its answers take longer than this on average, in ms. */
  readonly slowMs: number;
  /** Monotonic, in ms. */
  readonly uptime: () => number;
  /** Called when it is `item`'s turn. Must not throw. */
  readonly admit: (item: T, release: Release) => void;
}

/** A quarter of fewer places would be less than one. */
export const LEAST_PLACES = 4;

/** The largest share of the places that all lanes of a class may hold together. */
const SHARES: readonly (readonly [LaneClass, number])[] = [
  ['new', 1 / 4],
  ['doubtful', 1 / 4],
  ['slow', 1 / 2],
  ['prompt', 1],
];

/** The largest share that all lanes except the prompt ones may hold together. */
const SHARE_OF_OTHERS = 3 / 4;

/** Beyond this many lanes the oldest idle ones are forgotten. They start again as new lanes. */
const MOST_LANES = 20_000;

/** The most items that are admitted, or given back unused, before the event loop gets a turn. */
const MOST_AT_ONCE = 256;

/**
 * Decides which request is sent next, so that a failing lane never delays another one.
 *
 * **The rule.** A free place goes to the waiting lane that holds the fewest places (max–min
 * fairness; ties round robin), and within the lane to the lowest rank, which is close to the
 * deadline.
 * Each lane has a window: it starts at one place, grows by one with each success (so it doubles
 * with each round of answers), and is halved, down to one, by a request that gets no answer or is
 * throttled, at most once a round. A lane is *new* until its first request comes back, and
 * *doubtful* until its first success and while its recent requests fail (each success earns a
 * credit, each failure halves them). A lane that succeeds but takes long is *slow*. All new lanes
 * together hold at most a quarter of the places, all doubtful ones another quarter, all slow ones
 * half, and all of these three quarters.
 *
 * **The worst case.** However many lanes hang or fail, the lanes that succeed have three quarters
 * of the places, or half of them while there are new lanes. A quarter is always left for the lanes
 * that succeed promptly. A healthy lane is late only if it needs more than that, or for the
 * duration of one request: if a lane with a large window begins to hang, it keeps its places until
 * those requests time out.
 *
 * A new lane waits only for other new lanes. If n of them hang, and a request times out after t, it
 * waits for t · n / (a quarter of the places). A lane that recovers waits for its next probe: as
 * long, with n doubtful lanes. Its window then doubles with each round of answers.
 *
 * **A lane that fails in part** keeps the places that its healthy calls need. With up to a fifth of
 * its requests throttled or timed out it can use three quarters of all places. With up to half of
 * them it is doubtful most of the time, and can use three quarters of the doubtful lanes' quarter.
 * The places that its failing requests hold count as well: a request that times out holds its place
 * as long as many that succeed.
 * Requests that are answered with failures of their own, such as refusals, never cut the window.
 *
 * Each lane keeps its waiting items in one heap, without a promise or closure for each.
 */
export class FairLimiter<T extends Waiting> {
  readonly #options: FairLimiterOptions<T>;
  readonly #lanes = new Map<string, Lane<T>>();
  /** In the order of {@link SHARES}: among equals, a new lane comes before a doubtful one. */
  readonly #groups: ReadonlyMap<LaneClass, LaneGroup<T>>;
  #busy = 0;
  #isAdmitting = false;
  #isResting = false;
  /** Places given back unused since the last rest: without requests, only a rest yields. */
  #unused = 0;

  constructor(options: FairLimiterOptions<T>) {
    const { places } = options;
    if (places < LEAST_PLACES) throw new RangeError(`a limiter needs ${LEAST_PLACES} places`);
    this.#options = options;
    this.#groups = new Map(
      SHARES.map(([laneClass, share]) => [laneClass, new LaneGroup(Math.floor(places * share))]),
    );
  }

  /** Admits the item when its turn comes, or at once if there is a place for it. */
  add(item: T): void {
    const lane = this.#lane(item.lane);
    lane.waiting.push(item);
    // Placed again, a lane would lose its turn among equals.
    if (lane.waitsIn === null) this.#place(lane);
    this.#admit();
  }

  /** Removes and returns all waiting items, in no order. */
  drain(): T[] {
    const drained: T[] = [];
    for (const lane of this.#lanes.values()) {
      for (const item of lane.waiting.data.splice(0)) drained.push(item);
      lane.waiting.length = 0;
      this.#place(lane);
    }
    return drained;
  }

  #admit(): void {
    if (this.#isAdmitting || this.#isResting) return; // an item was given back, or added, by `admit` itself
    this.#isAdmitting = true;
    try {
      let count = 0;
      for (let lane = this.#next(); lane !== null; lane = this.#next()) {
        if (count++ === MOST_AT_ONCE || this.#unused >= MOST_AT_ONCE) {
          this.#rest();
          break;
        }
        const item = lane.waiting.pop() as T;
        this.#options.admit(item, this.#occupy(lane));
      }
    } finally {
      this.#isAdmitting = false;
    }
  }

  #rest(): void {
    this.#isResting = true;
    setImmediate(() => {
      this.#isResting = false;
      this.#unused = 0;
      this.#admit();
    });
  }

  #next(): Lane<T> | null {
    if (this.#busy >= this.#options.places) return null;
    let fewest: Lane<T> | null = null;
    for (const [laneClass, group] of this.#groups) {
      if (laneClass !== 'prompt' && this.#isFullOfOthers) continue;
      const lane = group.next();
      if (lane !== null && (fewest === null || lane.busy < fewest.busy)) fewest = lane;
    }
    return fewest;
  }

  get #isFullOfOthers(): boolean {
    const prompt = this.#groups.get('prompt') as LaneGroup<T>;
    return this.#busy - prompt.busy >= Math.floor(this.#options.places * SHARE_OF_OTHERS);
  }

  #occupy(lane: Lane<T>): Release {
    const { places, slowMs, uptime } = this.#options;
    const group = this.#groups.get(lane.classify(slowMs)) as LaneGroup<T>;
    const since = uptime();
    this.#busy++;
    group.busy++;
    lane.busy++;
    this.#place(lane);
    return (feedback) => {
      if (feedback === 'unused') this.#unused++;
      this.#busy--;
      group.busy--;
      lane.busy--;
      lane.learn(feedback, since, uptime(), places);
      this.#place(lane);
      this.#admit();
    };
  }

  /** Moves the lane to the right set. Call it after any change of the lane. */
  #place(lane: Lane<T>): void {
    lane.waitsIn?.delete(lane);
    lane.waitsIn = null;
    if (lane.wantsPlace) this.#groups.get(lane.classify(this.#options.slowMs))?.add(lane);
  }

  #lane(name: string): Lane<T> {
    const known = this.#lanes.get(name);
    if (known) return known;
    if (this.#lanes.size >= MOST_LANES) this.#forgetIdle();
    const lane = new Lane<T>(name);
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Forgets the oldest half of the lanes, except those in use. */
  #forgetIdle(): void {
    let left = MOST_LANES / 2;
    for (const lane of this.#lanes.values()) {
      if (left-- === 0) break;
      if (lane.isIdle) this.#lanes.delete(lane.name);
    }
  }
}
