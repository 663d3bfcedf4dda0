import type { Call } from '../calls/call.ts';
import { deadlineAt } from '../calls/deadline.ts';
import type { KeepAliveResult } from '../calls/ports.ts';
import type { RetryPolicy } from '../calls/retry.ts';
import { laneOf } from './lane.ts';

/** Runs a function in the trace context in which it was created. */
export type Bound = <R>(act: () => R) => R;

/** A call on its way to a keepAlive: from when it is handed in until its outcome is written. */
export interface Pending {
  readonly id: string;
  /** The call as its record had it at `version`, or later. */
  call: Call;
  version: string;
  /** This and `deadlineAt` must not change while the call waits. */
  lane: string;
  deadlineAt: number;
  /** If it still waits and is handed in after this instant, the wait is a failure. Epoch ms. */
  queuedUntil: number;
  /** Its request was sent, or its outcome is known without one. */
  isSent: boolean;
  isDone: boolean;
  /** It was tracked again, or moved to another app or tenant, after the request went out. */
  isAgain: boolean;
  waiters: Set<(result: KeepAliveResult) => void> | null;
  readonly bound: Bound | null;
}

export function toPending(
  call: Call,
  version: string,
  now: number,
  { deadlineMs, policy }: { readonly deadlineMs: number; readonly policy: RetryPolicy },
  bound: Bound | null,
): Pending {
  return {
    id: call.id,
    call,
    version,
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
