import type { Call } from '../calls/call.ts';
import { deadlineAt } from '../calls/deadline.ts';
import { laneOf } from '../calls/lane.ts';
import type { KeepAliveResult } from '../calls/ports.ts';
import type { RetryPolicy } from '../calls/retry.ts';

/** Runs something in the context, for traces, that was current when it was made. */
export type Bound = <R>(act: () => R) => R;

/** A call that is to have a keepAlive, from when it was handed over until the outcome is written. */
export interface Pending {
  readonly id: string;
  /** As it was when it was last looked at. */
  call: Call;
  /** These two of the call as it was when it began to wait; they must not change while it does. */
  lane: string;
  deadlineAt: number;
  /** If it is handed in again after this and still waits, that is a failure. Epoch ms. */
  queuedUntil: number;
  /** Whether its outcome is on its way, or known. */
  isSent: boolean;
  isDone: boolean;
  /** It was tracked again, or moved to another app or tenant, after the request went out. */
  isAgain: boolean;
  /** Who wants to know the outcome; null for most. */
  waiters: Set<(result: KeepAliveResult) => void> | null;
  readonly bound: Bound | null;
}

export function toPending(
  call: Call,
  now: number,
  { deadlineMs, policy }: { readonly deadlineMs: number; readonly policy: RetryPolicy },
  bound: Bound | null,
): Pending {
  return {
    id: call.id,
    call,
    lane: laneOf(call),
    deadlineAt: deadlineAt(call, deadlineMs),
    queuedUntil: now + policy.refusedCapMs,
    isSent: false,
    isDone: false,
    isAgain: false,
    waiters: null,
    bound,
  };
}
