import { type Fared, Lane, type Standing, type Waiting } from './lane.ts';
import { LaneGroup } from './lane-group.ts';

export type { Fared, Waiting } from './lane.ts';

/** Frees the place. Call it exactly once, with how the request fared. */
export type Release = (fared: Fared) => void;

export interface FairLimiterOptions<T> {
  /** How many requests are in flight at most; at least {@link LEAST_PLACES}. */
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

/** The largest share of all places that the lanes of each standing may hold together. */
const SHARES: readonly (readonly [Standing, number])[] = [
  ['doubtful', 1 / 4],
  ['slow', 1 / 2],
  ['prompt', 1],
];

/** Beyond this many lanes idle ones are forgotten; a forgotten lane starts again as a new one. */
const MOST_LANES = 20_000;

/** After this many admissions in a row the limiter yields to the event loop. */
const MOST_AT_ONCE = 256;

/**
 * Decides which request is sent next, so that a failing lane never delays another one.
 *
 * **The rule.** A free place goes to the waiting lane that holds the fewest places (max–min
 * fairness; ties round robin), and within the lane to the nearest deadline. Each lane has a
 * window: it starts at one place, grows by one with each success (so it doubles with each round
 * of answers), and is halved, down to one, by each request that gets no answer, is throttled or
 * is refused. A lane is *doubtful* until its first success, and while its recent requests fail
 * (each success earns a credit, each failure halves them); all doubtful lanes together hold at
 * most a quarter of the places. A lane that succeeds but takes long is *slow*; all slow lanes
 * together hold at most half.
 *
 * **The worst case.** However many lanes hang, fail or are made up, three quarters of the places
 * are left to lanes that succeed, and a quarter of all places to lanes that succeed promptly.
 * Those lanes are late in two cases only. They may need more places than that. Or a lane that had
 * earned a large window begins to hang: it keeps its places until those requests time out. A lane
 * that recovers first waits for its next probe, which takes one request time-out, times the number
 * of doubtful lanes divided by a quarter of the places. Its window then doubles with each round of
 * answers until it is as large as before.
 *
 * Each lane keeps its waiting items in one heap, without a promise or closure for each.
 */
export class FairLimiter<T extends Waiting> {
  readonly #options: FairLimiterOptions<T>;
  readonly #lanes = new Map<string, Lane<T>>();
  /** In the order of {@link SHARES}: if two lanes hold equally few places, the doubtful one is next. */
  readonly #groups: ReadonlyMap<Standing, LaneGroup<T>>;
  /** For each lane that wants a place, the set of its group that it is in. */
  readonly #wanting = new Map<Lane<T>, Set<Lane<T>>>();
  #busy = 0;
  #isAdmitting = false;

  constructor(options: FairLimiterOptions<T>) {
    const { places } = options;
    if (places < LEAST_PLACES) throw new RangeError(`a limiter needs ${LEAST_PLACES} places`);
    this.#options = options;
    this.#groups = new Map(
      SHARES.map(([standing, share]) => [standing, new LaneGroup(Math.floor(places * share))]),
    );
  }

  /** Admits the item when its turn comes, or at once if there is a place for it. */
  add(item: T): void {
    const lane = this.#lane(item.lane);
    lane.waiting.push(item);
    // Placed again, a lane would lose its turn among equals.
    if (!this.#wanting.has(lane)) this.#place(lane);
    this.#admit();
  }

  /** Removes and returns all waiting items, in no order. Admitted items are not affected. */
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
    if (this.#isAdmitting) return; // `admit` itself released or added an item
    this.#isAdmitting = true;
    let count = 0;
    for (let lane = this.#next(); lane !== null; lane = this.#next()) {
      if (count++ === MOST_AT_ONCE) {
        setImmediate(() => this.#admit());
        break;
      }
      const item = lane.waiting.pop() as T;
      this.#options.admit(item, this.#occupy(lane));
    }
    this.#isAdmitting = false;
  }

  #next(): Lane<T> | null {
    if (this.#busy >= this.#options.places) return null;
    let fewest: Lane<T> | null = null;
    for (const group of this.#groups.values()) {
      const lane = group.next();
      if (lane !== null && (fewest === null || lane.busy < fewest.busy)) fewest = lane;
    }
    return fewest;
  }

  #occupy(lane: Lane<T>): Release {
    const { places, slowMs, uptime } = this.#options;
    const group = this.#groups.get(lane.standing(slowMs)) as LaneGroup<T>;
    const since = uptime();
    this.#busy++;
    group.busy++;
    lane.busy++;
    this.#place(lane);
    return (fared) => {
      this.#busy--;
      group.busy--;
      lane.busy--;
      lane.learn(fared, uptime() - since, places);
      this.#place(lane);
      this.#admit();
    };
  }

  /** Puts the lane into the right set of its group. Call it after any change of the lane. */
  #place(lane: Lane<T>): void {
    this.#wanting.get(lane)?.delete(lane);
    this.#wanting.delete(lane);
    if (!lane.wantsPlace) return;
    const group = this.#groups.get(lane.standing(this.#options.slowMs)) as LaneGroup<T>;
    this.#wanting.set(lane, group.add(lane));
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
