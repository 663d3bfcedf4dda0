import type { Lane, Waiting } from './lane.ts';

/**
 * The lanes of one class that want a place, by how many places they hold. Finds the lane with
 * the fewest without a look at all lanes: there may be thousands.
 */
export class LaneGroup<T extends Waiting> {
  readonly most: number;
  /** A place counts for the group in which its lane took it. */
  busy = 0;
  /** By the number of places that the lanes hold; in each set the longest waiting lane is first. */
  readonly #byBusy: Set<Lane<T>>[] = [];
  /** All sets before this one are empty. */
  #lowest = 0;

  constructor(most: number) {
    this.most = most;
  }

  add(lane: Lane<T>): void {
    while (this.#byBusy.length <= lane.busy) this.#byBusy.push(new Set());
    const lanes = this.#byBusy[lane.busy] as Set<Lane<T>>;
    lanes.add(lane);
    lane.waitsIn = lanes;
    this.#lowest = Math.min(this.#lowest, lane.busy);
  }

  /** The next lane; null if none wants a place, or the group may hold no more. */
  next(): Lane<T> | null {
    if (this.busy >= this.most) return null;
    while (this.#byBusy[this.#lowest]?.size === 0) this.#lowest++;
    for (const lane of this.#byBusy[this.#lowest] ?? []) return lane;
    return null;
  }
}
