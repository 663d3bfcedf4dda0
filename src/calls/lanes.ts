import TinyQueue from 'tinyqueue';
import type { Call } from './call.ts';

/** Ends the use of a place; must be called exactly once. */
export type Leave = () => void;

interface Waiting {
  readonly deadlineAt: number;
  admit(leave: Leave): void;
}

interface Lane {
  readonly waiting: TinyQueue<Waiting>;
  busy: number;
}

/** Where there are several lanes, one of them never has more than this share of the places. */
const MOST_SHARE = 3 / 4;

/**
 * Bounds how many keepAlives run at once. Where more want to, those with the
 * nearest deadline go first, whichever visit they belong to; but a lane (what
 * fails together, as an app in a tenant) never takes all places from the
 * others, however slowly it fails.
 */
export class Lanes {
  readonly #places: number;
  readonly #lanes = new Map<string, Lane>();
  #busy = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Waits for a place. Whoever was told to stop meanwhile leaves again at once. */
  enter(name: string, deadlineAt: number): Promise<Leave> {
    const lane = this.#lane(name);
    return new Promise((admit) => {
      lane.waiting.push({ deadlineAt, admit });
      this.#admit();
    });
  }

  #admit(): void {
    while (this.#busy < this.#places) {
      const next = this.#nearest();
      const waiting = next?.[1].waiting.pop();
      if (!next || !waiting) return;
      waiting.admit(this.#occupy(...next));
    }
  }

  /** Of the lanes that may have another place, the one whose first has the nearest deadline. */
  #nearest(): [string, Lane] | null {
    const most = this.#lanes.size > 1 ? Math.ceil(this.#places * MOST_SHARE) : this.#places;
    let nearest: [string, Lane] | null = null;
    let nearestAt = Infinity;
    for (const [name, lane] of this.#lanes) {
      const first = lane.waiting.peek();
      if (!first || lane.busy >= most || first.deadlineAt >= nearestAt) continue;
      nearest = [name, lane];
      nearestAt = first.deadlineAt;
    }
    return nearest;
  }

  #occupy(name: string, lane: Lane): Leave {
    this.#busy++;
    lane.busy++;
    return () => {
      this.#busy--;
      lane.busy--;
      if (lane.busy === 0 && lane.waiting.length === 0) this.#lanes.delete(name);
      this.#admit();
    };
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known) return known;
    const lane: Lane = {
      waiting: new TinyQueue<Waiting>([], (a, b) => a.deadlineAt - b.deadlineAt),
      busy: 0,
    };
    this.#lanes.set(name, lane);
    return lane;
  }
}

/** What shares a token shares its fate: an app in a tenant. */
export function laneOf(call: Call): string {
  return `${call.app}/${call.tenantId}`;
}
