import type { Lane, Waiting } from './lane.ts';

/**
 * The lanes of one standing that want a place, by how many places they hold. Finds the lane
 * with the fewest without looking at the others: there may be thousands.
 */
export class LaneGroup<T extends Waiting> {
  /** The group holds at most this many places. */
  readonly most: number;
  /** How many it holds: lanes keep a place in the group that they took it in. */
  busy = 0;
  /** Index: places held. In each the lane that has waited longest is first. */
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

  /** The lane that is next; null if none wants a place, or the group may have no more. */
  next(): Lane<T> | null {
    if (this.busy >= this.most) return null;
    for (const lanes of this.#byBusy) {
      for (const lane of lanes) return lane;
    }
    return null;
  }
}
