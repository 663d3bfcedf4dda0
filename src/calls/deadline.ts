import { slotOf, turnAfter, type Wheel } from './wheel.ts';

/** What has to be known of a tracked call to plan its next keepAlive. Instants in epoch ms. */
export interface Timing {
  readonly renewedAt: number | null;
  readonly trackedAt: number;
  readonly startedAt: number | null;
  /** When the last attempt failed; null if the call is not failing. */
  readonly failedAt: number | null;
  readonly retryAt: number | null;
  readonly trackUntil: number | null;
}

/** A call is at risk when less than this share of the deadline is left to it. */
export const AT_RISK_SHARE = 1 / 3;

/**
 * When Graph ends the call unless a keepAlive sent before succeeds.
 *
 * A call that began longer ago than the deadline must have been renewed by
 * somebody since, or there is no call: its start then says nothing, and the
 * deadline counts from its tracking.
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

/** The next planned keepAlive. */
export function dueAt(
  call: Timing & { readonly id: string; readonly consecutiveFailures: number },
  wheel: Wheel,
): number {
  if (call.consecutiveFailures > 0 && call.retryAt !== null) return call.retryAt;
  if (call.renewedAt === null) return call.trackedAt;
  return turnAfter(slotOf(call.id, wheel), call.renewedAt, wheel);
}
