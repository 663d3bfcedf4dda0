import { deadlineAt, type Timing } from './deadline.ts';

export type { Timing } from './deadline.ts';

/** What a visit is to do with the calls it read, by id. */
export interface VisitPlan {
  /** To keep alive now, the nearest deadline first. */
  readonly due: readonly string[];
  /** To take off the schedule: their `trackUntil` has come. */
  readonly over: readonly string[];
  /** To be looked at again before the slot's next turn. */
  readonly later: readonly string[];
}

export interface PlanContext {
  readonly now: number;
  /** See `SettledClock`. */
  readonly settledNow: number;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  /** An instant so far ahead of now is no instant of the past: the clock was set back since. */
  readonly skewMs: number;
  /** How long a new call is left to the replica that accepted it, in ms. */
  readonly firstMs: number;
  /** A call's next attempt is left to whoever planned it for this long after its time, in ms. */
  readonly retryGraceMs?: number;
}

export interface VisitContext extends PlanContext {
  /** The turn the visit is for: the planned instant, not when it began. */
  readonly turnAt: number;
}

/**
 * The plan of a visit. Due are the calls not renewed since the turn, and those
 * never renewed at all, unless they wait for their next attempt. So a second
 * visit of the same turn (a job taken over, a zombie, a retry) posts only what
 * is still missing. A call past its deadline is posted once more before it is
 * given up, however long it is past: only Graph knows whether it is over. If
 * Redis's clock was set back, another replica may have renewed it a moment ago
 * by that clock, and here it seems to be past by as much.
 */
export function planVisit(
  calls: Iterable<readonly [id: string, timing: Timing]>,
  context: VisitContext,
): VisitPlan {
  const due: { id: string; at: number }[] = [];
  const over: string[] = [];
  const later: string[] = [];
  for (const [id, timing] of calls) {
    if (hasEnded(timing, context)) over.push(id);
    else if (isDue(timing, context)) due.push({ id, at: deadlineAt(timing, context.deadlineMs) });
    else if (waitsUntil(timing, context) !== null || timing.trackUntil !== null) later.push(id);
  }
  due.sort((a, b) => a.at - b.at);
  return { due: due.map(({ id }) => id), over, later };
}

/** Whether a call's tracking was to end by itself by now: it leaves the schedule without a request. */
export function hasEnded({ trackUntil }: Timing, { settledNow }: PlanContext): boolean {
  return trackUntil !== null && trackUntil <= settledNow;
}

function isDue(timing: Timing, context: VisitContext): boolean {
  const { turnAt, now, skewMs } = context;
  const { renewedAt, failedAt } = timing;
  if (isWaiting(timing, context)) return false;
  if (renewedAt === null || failedAt !== null) return true;
  return renewedAt < turnAt || renewedAt > now + skewMs;
}

/**
 * Whether a call waits for its next attempt. A wait that begins in the future was planned by
 * a clock that was set back since: nobody knows how much of it is over, so it does not count.
 * No wait is longer than the deadline, `Retry-After` included.
 */
function isWaiting(timing: Timing, context: PlanContext): boolean {
  const { now, skewMs, deadlineMs, retryGraceMs = 0 } = context;
  const until = waitsUntil(timing, context);
  if (until === null || until <= now - retryGraceMs || until > now + deadlineMs) return false;
  return (timing.failedAt ?? timing.trackedAt) <= now + skewMs;
}

function waitsUntil(timing: Timing, { firstMs }: PlanContext): number | null {
  const { renewedAt, trackedAt, failedAt, retryAt } = timing;
  if (failedAt !== null) return retryAt;
  return renewedAt === null ? trackedAt + firstMs : null;
}

/** Whether any of a slot's calls shows that somebody has visited it since its turn. */
export function wasVisited(calls: Iterable<Timing>, turnAt: number): boolean {
  for (const { renewedAt, failedAt } of calls) {
    if ((renewedAt ?? 0) >= turnAt || (failedAt ?? 0) >= turnAt) return true;
  }
  return false;
}

/**
 * When to check a call between its slot's turns: at its next attempt, or when its tracking ends, if
 * that comes before the turn. Otherwise null.
 */
export function lookAgainAt(
  timing: Timing,
  context: PlanContext & { readonly nextTurnAt: number },
): number | null {
  const { now, settledNow, nextTurnAt, retryGraceMs = 0 } = context;
  const until = waitsUntil(timing, context);
  const waitingUntil = isWaiting(timing, context) ? (until ?? now) + retryGraceMs : now;
  const attemptAt = until === null ? Infinity : waitingUntil;
  const overAt = (timing.trackUntil ?? Infinity) + (now - settledNow);
  const at = Math.min(attemptAt, overAt < nextTurnAt ? overAt : Infinity);
  return at === Infinity ? null : at;
}
