import { type Call, callOf } from './call.ts';
import { AT_RISK_SHARE, deadlineAt } from './deadline.ts';
import type { Outcome } from './outcome.ts';
import { hasEnded, type PlanContext } from './plan.ts';
import type { Random } from './ports.ts';
import { type CallRecord, emptyRecord, failureOf, stateOf } from './record.ts';
import { trackingOver } from './record-changes.ts';
import { nextRetryAt, type RetryPolicy } from './retry.ts';

export interface LearnContext extends PlanContext {
  readonly policy: RetryPolicy;
  readonly random: Random;
}

/**
 * What the outcome of a keepAlive adds to the record; null: nothing. A renewal and an ending are
 * facts: the merge decides what they mean. A failure counts only if nobody has renewed or changed
 * the call since the request was sent.
 *
 * @param asked the call as it was when the request was sent
 */
export function learnedFrom(
  outcome: Outcome,
  asked: Call,
  current: CallRecord,
  context: LearnContext,
): CallRecord | null {
  const added = emptyRecord(current.id);
  switch (outcome.kind) {
    case 'renewed':
      return {
        ...added,
        renewedAt: outcome.sentAt,
        tracking: trackedBefore(outcome.sentAt, asked, current),
      };
    case 'ended': {
      const { sentAt, error } = outcome;
      return { ...added, ending: { generation: asked.generation, sentAt, at: context.now, error } };
    }
    default: {
      const call = stateOf(current) === 'tracked' ? callOf(current) : null;
      if (call === null || !isSameRequest(asked, call)) return null;
      const learned = learnedFromFailure(outcome, call, current, context);
      const tracking = trackedBefore(learned.failure?.at ?? context.now, asked, current);
      return { ...added, tracking, ...learned };
    }
  }
}

/** When the call was renewed, if {@link learnedFrom} adds only that to whatever is known. */
export function renewalAlone(outcome: Outcome, asked: Call): number | undefined {
  const isAlone = outcome.kind === 'renewed' && asked.trackedAt <= outcome.sentAt;
  return isAlone ? outcome.sentAt : undefined;
}

/** Ends a tracking whose time is over; null if the bot has prolonged it meanwhile. */
export function learnedFromClock(current: CallRecord, context: LearnContext): CallRecord | null {
  const call = stateOf(current) === 'tracked' ? callOf(current) : null;
  return call && hasEnded(call, context) ? trackingOver(current, context.now) : null;
}

/**
 * Corrects a tracking that is later than an attempt for it: the replica that wrote it had a fast
 * clock, and without the correction the outcome would seem to belong to an earlier tracking.
 * Returns null if no correction is needed.
 */
function trackedBefore(
  attemptAt: number,
  asked: Call,
  { tracking }: CallRecord,
): CallRecord['tracking'] {
  if (tracking?.trackedAt !== asked.trackedAt || tracking.trackedAt <= attemptAt) return null;
  return { ...tracking, trackedAt: attemptAt };
}

type Failed = Exclude<Outcome, { kind: 'renewed' | 'ended' }>;

function learnedFromFailure(
  outcome: Failed,
  call: Call,
  current: CallRecord,
  context: LearnContext,
): Pick<CallRecord, 'failure'> | Pick<CallRecord, 'failure' | 'expiry'> {
  const { now, deadlineMs } = context;
  const { generation, renewedAt } = call;
  const before = failureOf(current);
  const count = (before?.count ?? 0) + 1;
  const expiresAt = expiryAt(call, context);
  const isExpired = now >= expiresAt;
  const retryAt = isExpired
    ? now
    : nextRetryAt(count, outcome, { ...context, deadlineAt: expiresAt });
  const isAtRisk = expiresAt - now < deadlineMs * AT_RISK_SHARE;
  const atRiskAt = before?.atRiskAt ?? (isAtRisk && !isExpired ? now : null);
  // Later than the previous failure, even if the clock was set back.
  const at = Math.max(now, (before?.at ?? 0) + 1, (renewedAt ?? 0) + 1);
  const failure = { at, count, retryAt, atRiskAt, error: outcome.error };
  if (!isExpired) return { failure };
  return { failure, expiry: { generation, renewedAt: renewedAt ?? 0, at: now } };
}

/**
 * The deadline, later by `now` − `settledNow`, so that a recent step forward of the clock expires
 * nothing. It is at most one deadline from now: a later one was counted before the clock was set
 * back.
 */
function expiryAt(call: Call, { now, settledNow, deadlineMs }: LearnContext): number {
  return Math.min(now + deadlineMs, deadlineAt(call, deadlineMs) + (now - settledNow));
}

/** Whether the same request would be sent now, and nobody has renewed the call since. */
function isSameRequest(asked: Call, call: Call): boolean {
  return (
    call.app === asked.app &&
    call.tenantId === asked.tenantId &&
    call.trackedAt === asked.trackedAt &&
    call.renewedAt === asked.renewedAt
  );
}
