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

  constructor(most: number) {
    this.most = most;
  }

  add(lane: Lane<T>): Set<Lane<T>> {
    while (this.#byBusy.length <= lane.busy) this.#byBusy.push(new Set());
    const lanes = this.#byBusy[lane.busy] as Set<Lane<T>>;
    lanes.add(lane);
    return lanes;
  }

  /** The next lane; null if none wants a place, or the group may hold no more. */
  next(): Lane<T> | null {
    if (this.busy >= this.most) return null;
    for (const lanes of this.#byBusy) {
      for (const lane of lanes) return lane;
    }
    return null;
  }
}
