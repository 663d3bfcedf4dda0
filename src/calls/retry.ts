import type { Outcome } from './outcome.ts';
import type { Random } from './ports.ts';

/** The delays between the attempts of a failing call, in ms. */
export interface RetryPolicy {
  /** The shortest delay, except for the last attempt, which is at the deadline. */
  readonly floorMs: number;
  /** The longest delay for faults that may pass by themselves. */
  readonly capMs: number;
  /** The longest delay for faults that only a person can fix (403). */
  readonly refusedCapMs: number;
  /** The time before the deadline in which `Retry-After` does not count. */
  readonly reserveMs: number;
  /** How long the replica that accepted a call has for its first keepAlive. */
  readonly firstMs: number;
}

/** At 15 and 45 min: 1 s, 1 min, 5 min, 5 min, 5 s. */
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
 * When to send the next keepAlive of a failing call.
 *
 * The delay grows exponentially, with jitter, and is at most half of the time left. So attempts
 * come more often towards the deadline, and the end of an outage shortly before it is noticed in
 * time. The last attempt is at the deadline itself. Callkeeper obeys Graph's `Retry-After`, unless
 * it reaches into the reserve before the deadline: then obeying it would end the call.
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
  // Nothing was sent: Entra does not know the tenant, and a retry seldom helps.
  return outcome.sentAt === null ? policy.refusedCapMs : Math.min(policy.refusedCapMs, growing);
}

export interface RetryContext {
  readonly now: number;
  readonly deadlineAt: number;
  readonly policy: RetryPolicy;
  readonly random: Random;
}
