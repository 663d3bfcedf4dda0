/** `sent` counts requests; an attempt without a token sends none. */
export const COUNTED = [
  'renewed',
  'ended',
  'throttled',
  'refused',
  'failed',
  'lost',
  'sent',
] as const;
export type Counted = (typeof COUNTED)[number];

export interface Cell {
  /** The number of the step: steps are counted from 1970. */
  readonly step: number;
  /** {@link OTHERS} for the smallest apps together. */
  readonly app: string;
  /** In the order of {@link COUNTED}. */
  readonly counts: readonly number[];
}

/** The app of a cell that stands for several apps. No key is limited to it. */
export const OTHERS = '';
/** A deadline has this many steps: at 45 minutes a step is a minute. */
export const STEPS = 45;
/** The most cells of a step, so that a page has less than a thousand. */
const MOST_APPS = 22;

type ByApp = Map<string, readonly number[]>;

export class Cells {
  readonly #steps = new Map<number, ByApp>();

  count(step: number, app: string, what: Counted): void {
    const apps = this.#steps.get(step) ?? this.#begin(step);
    const before = apps.get(app) ?? COUNTED.map(() => 0);
    const i = COUNTED.indexOf(what);
    apps.set(app, before.with(i, (before[i] ?? 0) + 1));
  }

  /** Merges past steps: which apps are the smallest is known only when a step is over. */
  #begin(step: number): ByApp {
    this.forget(step);
    for (const [earlier, apps] of this.#steps) this.#steps.set(earlier, merged(apps));
    const apps: ByApp = new Map();
    this.#steps.set(step, apps);
    return apps;
  }

  forget(now: number): void {
    for (const step of this.#steps.keys()) if (step <= now - STEPS) this.#steps.delete(step);
  }

  /** The oldest first. */
  get all(): Cell[] {
    return [...this.#steps].flatMap(([step, apps]) =>
      [...merged(apps)].map(([app, counts]) => ({ step, app, counts })),
    );
  }
}

/** At most {@link MOST_APPS}: the smallest are {@link OTHERS}. */
function merged(apps: ByApp): ByApp {
  if (apps.size <= MOST_APPS) return apps;
  const named = [...apps].filter(([app]) => app !== OTHERS);
  const sorted = named.sort(([, a], [, b]) => sum(b) - sum(a));
  const rest = [apps.get(OTHERS) ?? [], ...sorted.slice(MOST_APPS - 1).map(([, counts]) => counts)];
  const others = COUNTED.map((_, i) => sum(rest.map((counts) => counts[i] ?? 0)));
  return new Map([...sorted.slice(0, MOST_APPS - 1), [OTHERS, others]]);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
