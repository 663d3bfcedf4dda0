import { AT_RISK_SHARE } from './deadline.ts';
import type { Outcome } from './outcome.ts';
import type { Random } from './ports.ts';
import { type CallRecord, emptyRecord, failureOf, removedOf, renewalOf } from './record.ts';
import { nextRetryAt, type RetryPolicy } from './retry.ts';

/** The call as it was when the keepAlive was sent. */
export interface Asked {
  readonly generation: string;
  readonly renewedAt: number | null;
}

export interface OutcomeContext {
  readonly now: number;
  readonly deadlineMs: number;
  readonly policy: RetryPolicy;
  readonly random: Random;
  /** No call expires before this, epoch ms: the clock took a step, and deadlines mean nothing yet. */
  readonly noneExpiresBefore: number;
}

/**
 * What the outcome of a keepAlive adds to what is known of a call; null for nothing. A renewal
 * and an ending are facts, and the merge decides what they mean. A failure counts only if
 * nobody has changed the call since it was asked for.
 */
export function learnedFrom(
  outcome: Outcome,
  asked: Asked,
  current: CallRecord,
  context: OutcomeContext,
): CallRecord | null {
  const added = emptyRecord(current.id);
  const { generation } = asked;
  switch (outcome.kind) {
    case 'renewed':
      return { ...added, renewedAt: outcome.sentAt };
    case 'ended': {
      const { sentAt, error } = outcome;
      return { ...added, ending: { generation, sentAt, at: context.now, error } };
    }
    default: {
      const isSame =
        current.tracking?.generation === generation && renewalOf(current) === asked.renewedAt;
      return isSame && removedOf(current) === null ? learnedFromFailure(outcome, current, context) : null;
    }
  }
}

type Failed = Exclude<Outcome, { kind: 'renewed' | 'ended' }>;

function learnedFromFailure(
  { sentAt, error, ...outcome }: Failed,
  current: CallRecord,
  context: OutcomeContext,
): CallRecord {
  const { now, deadlineMs, noneExpiresBefore } = context;
  const added = emptyRecord(current.id);
  const limit = Math.max(recordDeadlineAt(current, deadlineMs), noneExpiresBefore);
  const before = failureOf(current);
}
