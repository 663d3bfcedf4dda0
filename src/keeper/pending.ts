import type { Call } from '../calls/call.ts';
import { deadlineAt } from '../calls/deadline.ts';
import type { Clock, KeepAliveResult, Random } from '../calls/ports.ts';
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
  /** When the call was handed in, or its record was read again; monotonic, in ms. */
  readAt: number;
  /** If the call is handed in again after this while it waits, that is a failure. Epoch ms. */
  queuedUntil: number;
  /** Its request was sent, or its outcome is known without one. */
  isSent: boolean;
  isDone: boolean;
  /** It was tracked again, or moved to another app or tenant, after the request went out. */
  isAgain: boolean;
  waiters: Set<(result: KeepAliveResult) => void> | null;
  readonly bound: Bound | null;
}

/** The place of a call in the queue of the limiter. */
export type Place = Pick<Pending, 'lane' | 'rank' | 'deadlineAt'>;

/** The time left until a call's deadline is stretched by at most this share. */
const MOST_STRETCH = 1 / 40;

/**
 * Places calls in the queue. Within a lane they are ordered by deadline, but not exactly: for each
 * slot, the time left is stretched by a random share. So replicas with the same calls waiting begin
 * with different ones. Half an hour is stretched by up to 45 s, the last seconds hardly at all. The
 * calls of a slot stay together, because one write can then hold many of their outcomes.
 */
export function placing(
  wheel: Pick<Wheel, 'slots'>,
  deadlineMs: number,
  clock: Pick<Clock, 'now'>,
  random: Random,
): (call: Call) => Place {
  const stretches = Array.from({ length: wheel.slots }, () => random() * MOST_STRETCH);
  return (call) => {
    const at = deadlineAt(call, deadlineMs);
    const stretch = stretches[slotOf(call.id, wheel)] ?? 0;
    const rank = at + stretch * Math.max(0, at - clock.now());
    return { lane: laneOf(call), deadlineAt: at, rank };
  };
}

/** What is known when the call is handed in. */
type Begin = Place & Pick<Pending, 'call' | 'version' | 'readAt' | 'queuedUntil' | 'bound'>;

export function toPending(begin: Begin): Pending {
  return {
    ...begin,
    id: begin.call.id,
    isSent: false,
    isDone: false,
    isAgain: false,
    waiters: null,
  };
}
