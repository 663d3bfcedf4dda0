import { deadlineAt, type Timing } from './deadline.ts';

export type { Timing } from './deadline.ts';

export interface VisitPlan {
  /** Send a keepAlive now, the nearest deadline first. */
  readonly due: readonly string[];
  /** Their `trackUntil` has come: remove them from the schedule. */
  readonly over: readonly string[];
  /** Check again before the slot's next turn. */
  readonly later: readonly (readonly [id: string, timing: Timing])[];
}

export interface PlanContext {
  readonly now: number;
  /** See `SettledClock`. */
  readonly settledNow: number;
  readonly intervalMs: number;
  readonly deadlineMs: number;
  /** A timestamp further ahead than this means that the clock was set back. In ms. */
  readonly skewMs: number;
  /** How long the replica that accepted a new call has for its first keepAlive, in ms. */
  readonly firstMs: number;
  /** How late an attempt that another replica planned must be before this one makes it, in ms. */
  readonly retryGraceMs?: number;
}

/** The parts of a plan's context that stay the same. */
export type PlanTimings = Omit<PlanContext, 'now' | 'settledNow'>;

export interface VisitContext extends PlanContext {
  /** The planned instant of the turn, not when the visit began. */
  readonly turnAt: number;
}

/**
 * The plan of a visit. A call is due if it was not renewed since the turn, unless it waits for its
 * next attempt. So a second visit of a turn (a job taken over, a replica that wakes up, a retry)
 * sends only what is still missing.
 *
 * A call past its deadline gets one more keepAlive before it is given up, however late it is,
 * because only Graph knows whether it is over. If Redis's clock was set back, another replica may
 * have renewed the call a moment ago by that clock.
 */
export function planVisit(
  calls: Iterable<readonly [id: string, timing: Timing]>,
  context: VisitContext,
): VisitPlan {
  const due: { id: string; at: number }[] = [];
  const over: string[] = [];
  const later: [string, Timing][] = [];
  for (const [id, timing] of calls) {
    if (hasEnded(timing, context)) over.push(id);
    else if (isDue(timing, context)) due.push({ id, at: deadlineAt(timing, context.deadlineMs) });
    else if (!isQuiet(timing)) later.push([id, timing]);
  }
  due.sort((a, b) => a.at - b.at);
  return { due: due.map(({ id }) => id), over, later };
}

/** Whether a call needs nothing before its slot's next turn. */
export function isQuiet({ renewedAt, failedAt, trackUntil }: Timing): boolean {
  return renewedAt !== null && failedAt === null && trackUntil === null;
}

/** Whether `trackUntil` has come: the call leaves the schedule without a request. */
export function hasEnded(
  { trackUntil }: Pick<Timing, 'trackUntil'>,
  { settledNow }: Pick<PlanContext, 'settledNow'>,
): boolean {
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
 * Whether a call waits for its next attempt. A wait that begins in the future was planned by a
 * clock that was set back since. Nobody knows how much of it is over, so it does not count. No wait
 * is longer than the deadline, even with `Retry-After`.
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

/** Whether a call shows that somebody visited the slot since its turn. */
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
