import { slotOf, turnAfter, type Wheel } from './wheel.ts';

/** What the plan of a call's next keepAlive depends on. Instants in epoch ms. */
export interface Timing {
  readonly renewedAt: number | null;
  readonly trackedAt: number;
  readonly startedAt: number | null;
  readonly failedAt: number | null;
  readonly retryAt: number | null;
  readonly trackUntil: number | null;
}

/** A failing call is at risk if less than this share of the deadline is left. */
export const AT_RISK_SHARE = 1 / 3;

/**
 * When Graph ends the call unless a keepAlive succeeds before.
 *
 * If a call began longer ago than the deadline, somebody must have renewed it since, or it is over.
 * Its start then says nothing, so the deadline counts from its tracking.
 */
export function deadlineAt(
  call: Pick<Timing, 'renewedAt' | 'startedAt' | 'trackedAt'>,
  deadlineMs: number,
): number {
  if (call.renewedAt !== null) return call.renewedAt + deadlineMs;
  const { startedAt, trackedAt } = call;
  const known = startedAt !== null && startedAt + deadlineMs > trackedAt;
  return (known ? Math.min(startedAt, trackedAt) : trackedAt) + deadlineMs;
}

export function dueAt(
  call: Timing & { readonly id: string; readonly consecutiveFailures: number },
  wheel: Wheel,
): number {
  if (call.consecutiveFailures > 0 && call.retryAt !== null) return call.retryAt;
  if (call.renewedAt === null) return call.trackedAt;
  return turnAfter(slotOf(call.id, wheel), call.renewedAt, wheel);
}
