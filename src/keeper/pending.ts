import type { Call } from '../calls/call.ts';
import { deadlineAt } from '../calls/deadline.ts';
import { laneOf } from '../calls/lane.ts';
import type { KeepAliveResult } from '../calls/ports.ts';

/** Runs a function in the trace context in which it was created. */
export type Bound = <R>(act: () => R) => R;

/** A call on its way to a keepAlive, from when it was handed over until its outcome is written. */
export interface Pending {
  readonly id: string;
  /** As it was last read. */
  call: Call;
  /** This and `deadlineAt` are set when the call begins to wait, and must not change while it does. */
  lane: string;
  deadlineAt: number;
  /** When it was handed over, epoch ms. */
  readonly since: number;
  /** Whether its request was sent, or its outcome is known. */
  isSent: boolean;
  isDone: boolean;
  /** The bot tracked it again after the request was sent: check it again. */
  isAgain: boolean;
  /** Callers who wait for the outcome; null for most calls. */
  waiters: ((result: KeepAliveResult) => void)[] | null;
  readonly bound: Bound | null;
}

export function toPending(
  call: Call,
  now: number,
  deadlineMs: number,
  bound: Bound | null,
): Pending {
  return {
    id: call.id,
    call,
    lane: laneOf(call),
    deadlineAt: deadlineAt(call, deadlineMs),
    since: now,
    isSent: false,
    isDone: false,
    isAgain: false,
    waiters: null,
    bound,
  };
}
