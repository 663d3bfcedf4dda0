import { type Call, forget, type GoneCall } from './call.ts';
import { deadlineAt } from './deadline.ts';
import type { Entry } from './ports.ts';

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
  readonly deadlineMs: number;
  /** An instant so far ahead of now is no instant of the past: the clock was set back since. */
  readonly skewMs: number;
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
  const { now, deadlineMs } = context;
  const stop = entries
    .filter(({ call }) => isOver(call, now))
    .map((entry) => ({ entry, gone: forget(entry.call, 'untracked', now) }));
  const post = entries
    .filter(({ call }) => !isOver(call, now) && isDue(call, context))
    .sort((a, b) => deadlineAt(a.call, deadlineMs) - deadlineAt(b.call, deadlineMs));
  return { post, stop };
}

/** Whether its tracking was to end by itself, and has. */
export function isOver(call: Call, now: number): boolean {
  return call.trackUntil !== null && call.trackUntil <= now;
}

function isDue(call: Call, { turnAt, now, deadlineMs, skewMs }: VisitContext): boolean {
  const { renewedAt, retryAt, consecutiveFailures } = call;
  if (retryAt !== null && retryAt > now && retryAt <= now + deadlineMs) return false;
  if (renewedAt === null || consecutiveFailures > 0) return true;
  return renewedAt < turnAt || renewedAt > now + skewMs;
}

/**
 * When calls have to be visited again apart from their slots' turns, or null: a failing
 * call's next attempt, a new call's first one should nobody have made it by then, or
 * the end of somebody's tracking; but for those that another visit takes over before.
 *
 * @param takenOverAt when that visit is, epoch ms
 */
export function nextVisitAt(
  calls: Iterable<Call>,
  now: number,
  takenOverAt: (call: Call) => number,
): number | null {
  let earliest = Infinity;
  for (const call of calls) {
    const at = Math.min(call.retryAt ?? Infinity, call.trackUntil ?? Infinity);
    if (at < earliest && Math.max(at, now) < takenOverAt(call)) earliest = at;
  }
  return earliest === Infinity ? null : earliest;
}
