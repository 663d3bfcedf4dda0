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
  /** When the record was read last; monotonic, in ms. */
  readAt: number;
  /** If it is handed in again after this instant and still waits, that is a failure. Epoch ms. */
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

/** A call is sent as if it had more time left, by at most this share of it. */
const MOST_STRETCH = 1 / 40;

/**
 * Places calls in the queue: in each lane about the nearest deadline first. The time left of a call
 * is stretched by a random share for each slot, so that replicas that have the same calls waiting
 * begin with different ones: half an hour by up to 45 s, and the last seconds hardly at all. The
 * calls of a slot stay together, because it costs least to write their outcomes together.
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
