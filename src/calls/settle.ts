import { type Call, forget } from './call.ts';
import { AT_RISK_SHARE, deadlineAt } from './deadline.ts';
import type { Outcome } from './outcome.ts';
import type { Put, Random, Remove } from './ports.ts';
import { nextRetryAt, type RetryPolicy } from './retry.ts';

export interface SettleContext {
  readonly now: number;
  /** See `SettledClock`: deadlines go by it. */
  readonly settledNow: number;
  readonly deadlineMs: number;
  readonly policy: RetryPolicy;
  readonly random: Random;
}

/** What becomes of a call: it stays, changed; it leaves the schedule; or (null) nothing is to be written. */
export type Settlement = Put | Remove | null;

/**
 * The one place that decides what an outcome does to a call.
 *
 * `asked` is the call as it was when the keepAlive was sent, `current` as it is
 * now. They differ if somebody wrote in between. A renewal counts all the same
 * (Graph renewed the call, whoever asked), and the newest one wins. An ending
 * counts only for the registration with which the request was sent. A failure
 * counts only for the same tracking in the same app and tenant, so a repeated
 * track request hides no failure. Neither counts after a later success.
 */
export function settle(
  asked: Call,
  current: Call,
  outcome: Outcome,
  context: SettleContext,
): Settlement {
  if (outcome.kind === 'renewed') {
    return wasRenewedSince(current, outcome.sentAt - 1, context.now)
      ? null
      : renew(current, outcome.sentAt);
  }
  if (outcome.kind === 'ended') {
    if (current.registration !== asked.registration) return null;
    if (wasRenewedSince(current, outcome.sentAt, context.now)) return null;
    return { gone: forget({ ...current, lastError: outcome.error }, 'ended', context.now) };
  }
  if (current.renewedAt !== asked.renewedAt || !isSameRequest(asked, current)) return null;
  return fail(current, outcome, context);
}

/** An instant ahead of now is none of the past: the clock was set back since, and what we saw counts. */
function wasRenewedSince({ renewedAt }: Call, at: number, now: number): boolean {
  return renewedAt !== null && renewedAt > at && renewedAt <= now;
}

function renew(current: Call, sentAt: number): Settlement {
  const next: Call = {
    ...current,
    renewedAt: sentAt,
    retryAt: null,
    consecutiveFailures: 0,
    atRiskAt: null,
    lastError: null,
  };
  return current.atRiskAt === null ? { next } : { next, tell: 'recovered' };
}

/** Whether a request now would be the same as the one that was sent. */
function isSameRequest(asked: Call, current: Call): boolean {
  const { app, tenantId, trackedAt } = asked;
  return current.app === app && current.tenantId === tenantId && current.trackedAt === trackedAt;
}

/**
 * The deadline, moved so that it is as far ahead of now as it is of the settled clock. It is at most
 * one full deadline ahead: if it seems further, the clock was set back since the last success.
 */
function expiresAt(call: Call, { now, settledNow, deadlineMs }: SettleContext): number {
  return Math.min(now + deadlineMs, deadlineAt(call, deadlineMs) + (now - settledNow));
}

type Failure = Exclude<Outcome, { kind: 'renewed' | 'ended' }>;

function fail(current: Call, outcome: Failure, context: SettleContext): Settlement {
  const failing: Call = {
    ...current,
    consecutiveFailures: current.consecutiveFailures + 1,
    lastError: outcome.error,
  };
  const limit = expiresAt(current, context);
  if (context.now >= limit) return { gone: forget(failing, 'expired', context.now) };
  const retryAt = nextRetryAt(failing, outcome, { ...context, deadlineAt: limit });
  const isAtRisk = limit - context.now < context.deadlineMs * AT_RISK_SHARE;
  if (!isAtRisk || current.atRiskAt !== null) return { next: { ...failing, retryAt } };
  return { next: { ...failing, retryAt, atRiskAt: context.now }, tell: 'at-risk' };
}
