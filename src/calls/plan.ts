import { type Call, forget, type GoneCall } from './call.ts';
import { deadlineAt } from './deadline.ts';
import type { Entry } from './ports.ts';
import { isWaiting } from './retry.ts';

/** What a visit is to do with the calls it read. */
export interface VisitPlan {
  /** To keep alive now, the nearest deadline first. */
  readonly post: readonly Entry[];
  /** To take off the schedule: their `trackUntil` has come. */
  readonly stop: readonly { readonly entry: Entry; readonly gone: GoneCall }[];
}

export interface VisitContext {
  /** The turn the visit is for: the planned instant, not when it began. */
  readonly turnAt: number;
  readonly now: number;
  /** See `SettledClock`. */
  readonly settledNow: number;
  readonly deadlineMs: number;
  /** An instant so far ahead of now is no instant of the past: the clock was set back since. */
  readonly skewMs: number;
  /** For this long after its time, in ms, an attempt is left to the replica that planned it. */
  readonly retryGraceMs?: number;
}

/**
 * The plan of a visit. Due are the calls not renewed since the turn, and those
 * never renewed at all, unless they wait for their next attempt. So a second
 * visit of the same turn (a job taken over, a zombie, a retry) posts only what
 * is still missing. A call past its deadline is posted once more
 * before it is given up: one keepAlive too many is harmless, one too few ends
 * a call.
 */
export function planVisit(entries: readonly Entry[], context: VisitContext): VisitPlan {
  const { now, settledNow, deadlineMs } = context;
  const stop = entries
    .filter(({ call }) => isOver(call, settledNow))
    .map((entry) => ({ entry, gone: forget(entry.call, 'untracked', now) }));
  const post = entries
    .filter(({ call }) => !isOver(call, settledNow) && isDue(call, context))
    .sort((a, b) => deadlineAt(a.call, deadlineMs) - deadlineAt(b.call, deadlineMs));
  return { post, stop };
}

/** Whether its tracking was to end by itself, and has. */
export function isOver(call: Call, settledNow: number): boolean {
  return call.trackUntil !== null && call.trackUntil <= settledNow;
}

function isDue(call: Call, context: VisitContext): boolean {
  const { turnAt, now, skewMs } = context;
  const { renewedAt, consecutiveFailures } = call;
  if (isWaiting(call, context)) return false;
  if (renewedAt === null || consecutiveFailures > 0) return true;
  return renewedAt < turnAt || renewedAt > now + skewMs;
}

/** Whether any of the slot's calls shows that the slot was visited since its turn. */
export function wasVisited(entries: readonly Entry[], turnAt: number): boolean {
  return entries.some(
    ({ call }) => (call.renewedAt ?? 0) >= turnAt || (call.lastError?.at ?? 0) >= turnAt,
  );
}

/**
 * When to check a call between its slot's turns: at its next attempt, or when its tracking ends, if
 * that comes before the turn. Otherwise null.
 */
export function lookAgainAt(
  call: Call,
  context: Omit<VisitContext, 'turnAt'> & { readonly nextTurnAt: number },
): number | null {
  const { now, settledNow, nextTurnAt, retryGraceMs = 0 } = context;
  const { retryAt, trackUntil } = call;
  const waitsUntil = isWaiting(call, context) ? (retryAt ?? now) + retryGraceMs : now;
  const attemptAt = retryAt === null ? Infinity : waitsUntil;
  const overAt = (trackUntil ?? Infinity) + (now - settledNow);
  const at = Math.min(attemptAt, overAt < nextTurnAt ? overAt : Infinity);
  return at === Infinity ? null : at;
}
