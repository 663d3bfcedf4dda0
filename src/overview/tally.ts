import { AT_RISK_SHARE } from '../calls/deadline.ts';
import { isWithin, type VisibleApps } from '../calls/principal.ts';
import { countBelow, type Digest, Nearest, type SlotDigest } from './digest.ts';

export interface Summary {
  readonly tracked: number;
  /** With at least one failure since their last success. */
  readonly failing: number;
  /** With less than a third of the deadline left. */
  readonly atRisk: number;
  /** The nearest deadline, epoch ms; null if there is no call. */
  readonly nearestDeadlineAt: number | null;
}

export interface Tally extends Summary {
  /**
   * How many calls have their time left in each of {@link MARGIN_STEPS} equal parts of the
   * deadline; the first part includes calls past it, the last those with more.
   */
  readonly margins: readonly number[];
  /** The ids of the calls nearest to their deadlines, in order. */
  readonly nearest: readonly string[];
  /** The same for failing calls: one that fails from its first keepAlive on has much time left. */
  readonly nearestFailing: readonly string[];
  readonly apps: ReadonlyMap<string, number>;
  /** By slot. */
  readonly slots: readonly { readonly tracked: number; readonly failing: number }[];
}

/** A multiple of three, so that calls at risk have separate parts. */
export const MARGIN_STEPS = 15;

/**
 * @param failingApps the apps of which some replica knows failing calls. Calls of other apps do not
 *   count as failing: this replica learns only at the next turn of a slot what others have renewed.
 *   If it is null, some may be unknown, and every call counts whose record says that it fails.
 */
export function tally(
  slots: readonly SlotDigest[],
  visibleApps: VisibleApps,
  now: number,
  deadlineMs: number,
  failingApps: ReadonlySet<string> | null = null,
): Tally {
  const sums: Sums = {
    margins: new Array<number>(MARGIN_STEPS).fill(0),
    nearest: new Nearest(),
    nearestFailing: new Nearest(),
    atRisk: 0,
    apps: new Map(),
  };
  const bySlot = slots.map((digests) => {
    const slot = { tracked: 0, failing: 0 };
    for (const [app, digest] of digests) {
      if (!isWithin(visibleApps, app)) continue;
      slot.tracked += digest.deadlines.length;
      const isFailing = failingApps?.has(app) ?? true;
      slot.failing += isFailing ? digest.failing : 0;
      const near = isFailing ? digest.nearestFailing : [];
      addDigest(sums, app, { ...digest, nearestFailing: near }, { now, deadlineMs });
    }
    return slot;
  });
  return {
    ...sums,
    tracked: bySlot.reduce((sum, { tracked }) => sum + tracked, 0),
    failing: bySlot.reduce((sum, { failing }) => sum + failing, 0),
    nearestDeadlineAt: sums.nearest.first,
    nearest: sums.nearest.ids,
    nearestFailing: sums.nearestFailing.ids,
    slots: bySlot,
  };
}

interface Sums {
  readonly margins: number[];
  readonly nearest: Nearest;
  readonly nearestFailing: Nearest;
  atRisk: number;
  readonly apps: Map<string, number>;
}

function addDigest(
  sums: Sums,
  app: string,
  digest: Digest,
  { now, deadlineMs }: { readonly now: number; readonly deadlineMs: number },
): void {
  sums.atRisk += countBelow(digest.deadlines, now + deadlineMs * AT_RISK_SHARE);
  addMargins(sums.margins, digest, now, deadlineMs);
  for (const [i, id] of digest.nearest.entries()) {
    sums.nearest.add({ id, deadlineAt: digest.deadlines[i] as number });
  }
  for (const near of digest.nearestFailing) sums.nearestFailing.add(near);
  sums.apps.set(app, (sums.apps.get(app) ?? 0) + digest.deadlines.length);
}

const NONE: Summary = { tracked: 0, failing: 0, atRisk: 0, nearestDeadlineAt: null };

export function addSummaries(summaries: Iterable<Summary>): Summary {
  let sum = NONE;
  for (const one of summaries) {
    const nearest = [sum.nearestDeadlineAt, one.nearestDeadlineAt].filter((at) => at !== null);
    sum = {
      tracked: sum.tracked + one.tracked,
      failing: sum.failing + one.failing,
      atRisk: sum.atRisk + one.atRisk,
      nearestDeadlineAt: nearest.length > 0 ? Math.min(...nearest) : null,
    };
  }
  return sum;
}

export function summarise(
  slots: readonly SlotDigest[],
  now: number,
  deadlineMs: number,
): ReadonlyMap<string, Summary> {
  const byApp = new Map<string, Summary>();
  for (const apps of slots) {
    for (const [app, { failing, deadlines }] of apps) {
      const ofSlot: Summary = {
        tracked: deadlines.length,
        failing,
        atRisk: countBelow(deadlines, now + deadlineMs * AT_RISK_SHARE),
        nearestDeadlineAt: deadlines[0] ?? null,
      };
      byApp.set(app, addSummaries([byApp.get(app) ?? NONE, ofSlot]));
    }
  }
  return byApp;
}

function addMargins(margins: number[], digest: Digest, now: number, deadlineMs: number): void {
  const { deadlines } = digest;
  let before = 0;
  for (let step = 0; step < MARGIN_STEPS; step++) {
    const isLast = step === MARGIN_STEPS - 1;
    const below = isLast
      ? deadlines.length
      : countBelow(deadlines, now + (deadlineMs * (step + 1)) / MARGIN_STEPS);
    margins[step] = (margins[step] ?? 0) + below - before;
    before = below;
  }
}
