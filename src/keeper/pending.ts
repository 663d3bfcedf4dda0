import type { Call } from '../calls/call.ts';
import { deadlineAt } from '../calls/deadline.ts';
import type { KeepAliveResult, Random } from '../calls/ports.ts';
import type { RetryPolicy } from '../calls/retry.ts';
import { slotOf, type Wheel } from '../calls/wheel.ts';
import { laneOf } from './lane.ts';

/** Runs a function in the trace context in which it was created. */
export type Bound = <R>(act: () => R) => R;

/** A call on its way to a keepAlive: from when it is handed in until its outcome is written. */
export interface Pending {
  readonly id: string;
  /** The call as its record had it at `version`, or later. */
  call: Call;
  version: string;
  /** This and `rank` must not change while the call waits. */
  lane: string;
  rank: number;
  deadlineAt: number;
  /** When the record was read last; monotonic, in ms. */
  readAt: number;
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

export interface QueueContext {
  readonly deadlineMs: number;
  /** See {@link shuffled}. */
  readonly laterMs: (id: string) => number;
}

/**
 * By how much the calls of each slot come later in the queue, in ms: at random, so that replicas
 * that have the same calls waiting begin with different ones. The calls of a slot stay together,
 * because it costs least to write their outcomes together.
 */
export function shuffled(wheel: Wheel, mostMs: number, random: Random): (id: string) => number {
  const bySlot = Array.from({ length: wheel.slots }, () => random() * mostMs);
  return (id) => bySlot[slotOf(id, wheel)] ?? 0;
}

/** The place of a call in the queue: its lane, and in it about the nearest deadline first. */
export function placeOf(call: Call, { deadlineMs, laterMs }: QueueContext) {
  const at = deadlineAt(call, deadlineMs);
  return { lane: laneOf(call), deadlineAt: at, rank: at + laterMs(call.id) };
}

export function toPending(
  call: Call,
  version: string,
  now: number,
  context: QueueContext & { readonly policy: RetryPolicy },
  bound: Bound | null,
): Pending {
  return {
    id: call.id,
    call,
    version,
    ...placeOf(call, context),
    readAt: Number.NEGATIVE_INFINITY,
    queuedUntil: now + context.policy.refusedCapMs,
    isSent: false,
    isDone: false,
    isAgain: false,
    waiters: null,
    bound,
  };
}
