import { setTimeout as sleep } from 'node:timers/promises';
import type { Running } from '../peers/subject.ts';
import type { StandIn } from '../world/stand-in.ts';
import { type Cost, costBetween, readCounters } from './counters.ts';

/**
 * The cost of a burst, and how late its keepAlives were for the instant at which all were due, in
 * ms.
 */
export interface BurstCost extends Cost {
  readonly latenessP50: number;
  readonly latenessP99: number;
  readonly latenessMax: number;
}

/** Left for the last writes after the last keepAlive; it counts as part of the measurement. */
export const SETTLE_MS = 300;
const PREPARE_MS = 200;

/**
 * Measures a burst of calls that are all due at `at` (epoch ms). Rejects if they are not all
 * renewed within `limitMs`.
 */
export async function measureBurst(
  running: Running,
  graph: StandIn,
  { calls, at, limitMs }: { calls: number; at: number; limitMs: number },
): Promise<BurstCost> {
  await sleep(Math.max(0, at - PREPARE_MS - Date.now()));
  await graph.reset();
  const before = await readCounters(running, graph);
  await sleep(Math.max(0, at - Date.now()));
  const due = (await running.fire?.()) ?? calls;
  await graph.reach(due, limitMs);
  const { lastAt, p50, p99, max } = await graph.since(at, due);
  await sleep(SETTLE_MS);
  const after = await readCounters(running, graph);
  return {
    ...costBetween(before, after, lastAt - at),
    latenessP50: p50,
    latenessP99: p99,
    latenessMax: max,
  };
}
