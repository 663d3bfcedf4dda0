import { setTimeout as sleep } from 'node:timers/promises';
import type { Running } from '../peers/subject.ts';
import type { StandIn } from '../world/stand-in.ts';
import { type Cost, costBetween, readCounters } from './counters.ts';

/** A burst's cost, with how late its keepAlives were for the instant at which all were due, ms. */
export interface BurstCost extends Cost {
  readonly latenessP50: number;
  readonly latenessP99: number;
  readonly latenessMax: number;
}

/** Time for the last writes after the last keepAlive, within the measurement. */
export const SETTLE_MS = 300;
const PREPARE_MS = 200;

/** All calls due at `at` (epoch ms). Rejects where they are not kept alive within `limitMs`. */
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
