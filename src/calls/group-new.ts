import type { Call } from './call.ts';
import { laneOf } from './lanes.ts';
import { pieces } from './pieces.ts';

/** Calls just tracked that one visit makes the first keepAlives of, at most. */
export const MOST_NEW = 50;

/**
 * Calls just tracked as visits are to have them: in their order, and those apart that fail
 * apart, by a key. A visit ends when the last of its calls is done: none is to wait for its
 * next attempt because of one whose lane is full of what fails.
 */
export function groupNew(
  calls: Iterable<Call>,
  keyOf: (call: Call) => string | number = () => '',
): (readonly Call[])[] {
  const groups = Map.groupBy(calls, (call) => `${laneOf(call)} ${keyOf(call)}`);
  return [...groups.values()].flatMap((group) => [...pieces(group, MOST_NEW)]);
}
