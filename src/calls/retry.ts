import type { Outcome } from './outcome.ts';
import type { Random } from './ports.ts';

/** How long to wait between the attempts of a failing call. All in ms. */
export interface RetryPolicy {
  /** The least between two attempts, but for the last one, at the deadline. */
  readonly floorMs: number;
  /** The most, for what may pass by itself. */
  readonly capMs: number;
  /** The most, for what only a person can mend (403). */
  readonly refusedCapMs: number;
  /** What a long `Retry-After` must leave before the deadline for further attempts. */
  readonly reserveMs: number;
  /** How long a new call is left to the replica that accepted it before others may post it. */
  readonly firstMs: number;
}

/**
 * The delays that belong to an interval and a deadline. At 15 and 45 min: 1 s,
 * 1 min, 5 min, 5 min, 5 s.
 */
export function retryPolicy(intervalMs: number, deadlineMs: number): RetryPolicy {
  return {
    floorMs: Math.min(1_000, Math.max(20, intervalMs / 900)),
    capMs: Math.min(60_000, intervalMs / 15),
    refusedCapMs: Math.min(300_000, intervalMs / 3),
    reserveMs: Math.min(300_000, deadlineMs / 9),
    firstMs: Math.min(5_000, Math.max(250, intervalMs / 180)),
  };
}

/**
 * When to try a failing call again.
 *
 * Exponential with jitter, and at most half of what is left before the
 * deadline, so that the attempts grow denser towards it: an outage that ends
 * shortly before the deadline is still noticed in time; the last one is at the
 * deadline itself. Graph's `Retry-After` is kept unless it reaches into the
 * reserve before the deadline: then obeying it would end the call.
 *
 * @param failures in a row, this one included
 */
export function nextRetryAt(
  failures: number,
  outcome: Outcome,
  { now, deadlineAt, policy, random }: RetryContext,
): number {
  const backOff = backOffMs(failures, outcome, policy);
  const jittered = backOff * (0.75 + 0.5 * random());
  const left = deadlineAt - now;
  const asked = outcome.kind === 'throttled' ? (outcome.retryAfterMs ?? 0) : 0;
  const delay = Math.max(
    policy.floorMs,
    Math.min(jittered, left / 2),
    Math.min(asked, left - policy.reserveMs),
  );
  return Math.floor(Math.min(now + delay, Math.max(now, deadlineAt)));
}

function backOffMs(failures: number, outcome: Outcome, policy: RetryPolicy): number {
  const growing = policy.floorMs * 2 ** Math.min(failures - 1, 30);
  if (outcome.kind !== 'refused') return Math.min(policy.capMs, growing);
  // Without a request, Entra does not know the tenant: a retry costs a token request and seldom helps.
  return outcome.sentAt === null ? policy.refusedCapMs : Math.min(policy.refusedCapMs, growing);
}

export interface RetryContext {
  readonly now: number;
  readonly deadlineAt: number;
  readonly policy: RetryPolicy;
  readonly random: Random;
}
