import { type FailureCause, faultOf } from './causes.ts';
import type { FailureIncident } from './incidents.ts';

/** Fewer calls that fail may be chance. */
const LEAST_CALLS = 3;
/** A fault that lasts for this share of the interval, a minute of 15, is remembered. */
const LEAST_SHARE = 1 / 15;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface OutagesOptions {
  readonly intervalMs: number;
  /** A fault that comes back within this time is the same incident. */
  readonly sameMs: number;
  /** More are forgotten, the oldest first. */
  readonly most: number;
}

/** Remembers which calls kept failing, and for how long, so that the board can show it later. */
export class Outages {
  readonly #options: OutagesOptions;
  readonly #found: Writable<FailureIncident>[] = [];

  constructor(options: OutagesOptions) {
    this.#options = options;
  }

  /** @param causes why calls fail now */
  note(causes: readonly FailureCause[], now: number): void {
    const groups = Map.groupBy(causes, keyOf);
    for (const one of this.#found) {
      if (one.until === null && !groups.has(keyOf(one))) one.until = now;
    }
    for (const [key, same] of groups) this.#noteGroup(key, same, now);
  }

  #noteGroup(key: string, same: readonly FailureCause[], now: number): void {
    const { intervalMs, sameMs, most } = this.#options;
    const [first] = same;
    if (!first) return;
    const calls = same.reduce((sum, one) => sum + one.calls, 0);
    const from = Math.min(...same.map(({ since }) => since));
    const known = this.#found.findLast(
      (one) => keyOf(one) === key && (one.until === null || now - one.until < sameMs),
    );
    const isLong = calls >= LEAST_CALLS && now - from >= intervalMs * LEAST_SHARE;
    if (known && (known.until === null || isLong)) {
      Object.assign(known, { until: null, calls: Math.max(known.calls, calls) });
    } else if (isLong) {
      const { at: _, ...error } = first.error;
      this.#found.push({ kind: 'failing', from, until: null, app: first.app, calls, error });
      if (this.#found.length > most) this.#found.shift();
    }
  }

  /** @param isOver whether an incident is too old */
  forget(isOver: (incident: FailureIncident) => boolean): void {
    while (this.#found[0] && isOver(this.#found[0])) this.#found.shift();
  }

  /** The oldest first. */
  get all(): FailureIncident[] {
    return this.#found.map((one) => ({ ...one }));
  }
}

function keyOf({ app, error }: Pick<FailureIncident, 'app' | 'error'>): string {
  return `${app}\n${faultOf(error)}`;
}

/** The fault that several replicas saw at the same time is one outage; each has its own calls. */
export function joinOutages(outages: readonly FailureIncident[]): FailureIncident[] {
  return joinOverlapping(outages, keyOf, (a, b) => ({ calls: a.calls + b.calls }));
}

/**
 * Joins those of one key that overlap in time; one that goes on has no end.
 *
 * @param join what the joined one has besides the time
 */
export function joinOverlapping<T extends { readonly from: number; readonly until: number | null }>(
  outages: readonly T[],
  key: (outage: T) => string,
  join: (earlier: T, later: T) => Partial<T>,
): T[] {
  const found: T[] = [];
  for (const outage of outages.toSorted((a, b) => a.from - b.from)) {
    const i = found.findLastIndex(
      (one) => key(one) === key(outage) && (one.until === null || outage.from <= one.until),
    );
    const known = found[i];
    if (known === undefined) {
      found.push(outage);
      continue;
    }
    const isOpen = known.until === null || outage.until === null;
    const until = isOpen ? null : Math.max(known.until ?? 0, outage.until ?? 0);
    found[i] = { ...known, until, ...join(known, outage) };
  }
  return found;
}
