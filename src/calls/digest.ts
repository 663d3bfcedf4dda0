import type { Call } from './call.ts';
import { type Cause, CauseCounter } from './causes.ts';

/**
 * A summary of the calls of one app in one slot. It is small, because a replica holds a million
 * calls.
 */
export interface Digest {
  /** With at least one failure since their last success. */
  readonly failing: number;
  /** The deadline of each call, epoch ms, ascending. */
  readonly deadlines: Float64Array;
  /** The ids of the first {@link MOST_NEAREST} of them, in the same order. */
  readonly nearest: readonly string[];
  /** The first {@link MOST_NEAREST} failing calls. */
  readonly nearestFailing: readonly Near[];
  /** Why the failing ones fail. */
  readonly causes: readonly Cause[];
  /** The last success of any of them, epoch ms; 0 for none. */
  readonly renewedAt: number;
}

/** By app, because a key may be limited to some apps. */
export type SlotDigest = ReadonlyMap<string, Digest>;

/** How many calls are listed by id: those nearest to their deadlines. */
export const MOST_NEAREST = 20;

export interface Near {
  readonly id: string;
  readonly deadlineAt: number;
}

/** A call to be counted. */
export interface Entry extends Near {
  readonly app: string;
  readonly renewedAt: number | null;
  /** null if it does not fail. */
  readonly failing: { readonly call: Call; readonly since: number } | null;
}

class Counted {
  failing = 0;
  renewedAt = 0;
  readonly causes = new CauseCounter();
  readonly deadlines: number[] = [];
  readonly nearest = new Nearest();
  readonly nearestFailing = new Nearest();
}

/** Adds the calls of a slot one by one, so that the caller can pause in between. */
export class Digester {
  readonly #apps = new Map<string, Counted>();

  add({ id, app, deadlineAt, renewedAt, failing }: Entry): void {
    const counted = this.#apps.get(app) ?? new Counted();
    this.#apps.set(app, counted);
    const near = { id, deadlineAt };
    counted.deadlines.push(deadlineAt);
    counted.nearest.add(near);
    counted.renewedAt = Math.max(counted.renewedAt, renewedAt ?? 0);
    if (failing === null) return;
    counted.failing++;
    counted.nearestFailing.add(near);
    counted.causes.add(failing.call, failing.since, deadlineAt);
  }

  done(): SlotDigest {
    return new Map(
      [...this.#apps].map(([app, { failing, renewedAt, deadlines, ...found }]) => {
        const sorted = Float64Array.from(deadlines).sort();
        const nearest = found.nearest.ids;
        const nearestFailing = found.nearestFailing.all;
        const causes = found.causes.all;
        return [app, { failing, renewedAt, deadlines: sorted, nearest, nearestFailing, causes }];
      }),
    );
  }
}

/** Keeps the items with the nearest deadlines, in order. */
export class Nearest {
  readonly #found: Near[] = [];

  add(near: Near): void {
    const found = this.#found;
    const last = found.at(-1);
    if (last && found.length === MOST_NEAREST && near.deadlineAt >= last.deadlineAt) return;
    const after = found.findIndex(({ deadlineAt }) => deadlineAt > near.deadlineAt);
    found.splice(after < 0 ? found.length : after, 0, near);
    if (found.length > MOST_NEAREST) found.pop();
  }

  get all(): readonly Near[] {
    return this.#found;
  }

  get ids(): string[] {
    return this.#found.map(({ id }) => id);
  }

  /** The first deadline; null if there are no items. */
  get first(): number | null {
    return this.#found[0]?.deadlineAt ?? null;
  }
}

/** How many of ascending numbers are below a limit. */
export function countBelow(ascending: Float64Array, limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
