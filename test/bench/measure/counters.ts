import type { Running } from '../peers/subject.ts';
import type { StandIn } from '../world/stand-in.ts';

/** Totals since the start. CPU in µs, of all threads. */
interface Counters {
  /** Monotonic, ms. */
  readonly at: number;
  readonly keepAlives: number;
  readonly nodeUs: number;
  readonly storeUs: number;
  readonly standInUs: number;
}

export interface Cost {
  readonly perSecond: number;
  /** CPU of the Node process per keepAlive. */
  readonly nodeUs: number;
  /** CPU of Redis or PostgreSQL per keepAlive; 0 if there is no store. */
  readonly storeUs: number;
  /** Share of a core that the stand-in for Graph used; near 1, the stand-in is the bottleneck. */
  readonly standIn: number;
}

export async function readCounters(
  { child, store }: Pick<Running, 'child' | 'store'>,
  graph: StandIn,
): Promise<Counters> {
  const [usage, storeUs, standInUs, keepAlives] = await Promise.all([
    child.usage(),
    store?.cpuUs() ?? 0,
    graph.cpuUs(),
    graph.count(),
  ]);
  return { at: performance.now(), keepAlives, nodeUs: usage.cpuUs, storeUs, standInUs };
}

/** @param overMs the time in which the keepAlives were made; default: the time between the two */
export function costBetween(before: Counters, after: Counters, overMs?: number): Cost {
  const elapsedMs = overMs ?? after.at - before.at;
  const keepAlives = after.keepAlives - before.keepAlives;
  return {
    perSecond: (1_000 * keepAlives) / elapsedMs,
    nodeUs: (after.nodeUs - before.nodeUs) / keepAlives,
    storeUs: (after.storeUs - before.storeUs) / keepAlives,
    standIn: (after.standInUs - before.standInUs) / 1_000 / elapsedMs,
  };
}
