/** The calls of one app in one slot, in brief: a replica holds a million calls. */
export interface Digest {
  /** With at least one failure since their last success. */
  readonly failing: number;
  /** The deadline of each call, epoch ms, ascending. */
  readonly deadlines: Float64Array;
  /** The ids of the first {@link MOST_NEAREST}, in the same order. */
  readonly nearest: readonly string[];
  /** The first {@link MOST_NEAREST} failing calls. */
  readonly nearestFailing: readonly Near[];
}

/** By app, because a key may be limited to some apps. */
export type SlotDigest = ReadonlyMap<string, Digest>;

export const MOST_NEAREST = 20;

export interface Near {
  readonly id: string;
  readonly deadlineAt: number;
}

class Counted {
  failing = 0;
  readonly deadlines: number[] = [];
  readonly nearest = new Nearest();
  readonly nearestFailing = new Nearest();
}

/** Takes the calls of a slot one by one, so that the caller can pause in between. */
export class Digester {
  readonly #apps = new Map<string, Counted>();

  add({ id, app, deadlineAt, isFailing }: Near & { app: string; isFailing: boolean }): void {
    const counted = this.#apps.get(app) ?? new Counted();
    this.#apps.set(app, counted);
    const near = { id, deadlineAt };
    counted.deadlines.push(deadlineAt);
    counted.nearest.add(near);
    if (!isFailing) return;
    counted.failing++;
    counted.nearestFailing.add(near);
  }

  done(): SlotDigest {
    return new Map(
      [...this.#apps].map(([app, { failing, deadlines, nearest, nearestFailing }]) => {
        const sorted = Float64Array.from(deadlines).sort();
        const near = { nearest: nearest.ids, nearestFailing: nearestFailing.all };
        return [app, { failing, deadlines: sorted, ...near }];
      }),
    );
  }
}

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
