import { setTimeout as sleep } from 'node:timers/promises';
import type { Running, Subject } from '../peers/subject.ts';
import type { Microsoft } from '../world/microsoft.ts';

/** What keepAlives cost in one round. */
export interface Cost {
  readonly perSecond: number;
  /** CPU of the Node process a keepAlive. */
  readonly nodeUs: number;
  /** CPU of Redis or PostgreSQL a keepAlive; 0 where there is none. */
  readonly storeUs: number;
  /** What a call takes in the store. */
  readonly storeBytes: number;
  /** Share of a core that the stand-in for Graph used: near 1 it would be what is measured. */
  readonly standIn: number;
}

/** A burst's, with how late the keepAlives were for the instant at which all were due, ms. */
export interface BurstCost extends Cost {
  readonly latenessP50: number;
  readonly latenessP99: number;
  readonly latenessMax: number;
}

/** Time for the last writes after the last keepAlive, within the measurement. */
const SETTLE_MS = 300;
const BURST_LIMIT_MS = 60_000;

interface Counters {
  readonly at: number;
  readonly keepAlives: number;
  readonly nodeUs: number;
  readonly storeUs: number;
  readonly standInUs: number;
}

/** All calls due at once, twice: the first burst is for warming up. */
export async function measureBurst(
  subject: Subject,
  microsoft: Microsoft,
  calls: number,
): Promise<BurstCost> {
  const everyMs = subject.burstEveryMs;
  const firstAt = Date.now() + everyMs;
  await using running = await subject.start(microsoft, calls, { firstAt, everyMs, spread: false });
  const { graph } = microsoft;
  const next = () => firstAt + Math.ceil((Date.now() + 200 - firstAt) / everyMs) * everyMs;

  await burst(running, microsoft, calls, next());
  await sleep(SETTLE_MS);
  const at = next();
  await sleep(at - 100 - Date.now());
  const before = await read(running, microsoft);
  const due = await burst(running, microsoft, calls, at);
  const { lastAt, p50, p99, max } = await graph.since(at, due);
  await sleep(SETTLE_MS);
  const after = await read(running, microsoft);
  const keepAlives = after.keepAlives;
  return {
    ...(await costOf(running, calls, keepAlives, before, after)),
    perSecond: (1_000 * due) / (lastAt - at),
    standIn: (after.standInUs - before.standInUs) / 1_000 / (lastAt - at),
    latenessP50: p50,
    latenessP99: p99,
    latenessMax: max,
  };
}

/** Waits for the instant, and until the keepAlives that are due have come; tells how many. */
async function burst(
  running: Running,
  { graph }: Microsoft,
  calls: number,
  at: number,
): Promise<number> {
  await sleep(Math.max(0, at - 50 - Date.now()));
  await graph.reset();
  await sleep(Math.max(0, at - Date.now()));
  const due = (await running.fire?.()) ?? calls;
  await graph.reach(due, BURST_LIMIT_MS);
  return due;
}

/** The calls spread evenly over `everyMs`, as they are in real life; a steady load. */
export async function measureSteady(
  subject: Subject,
  microsoft: Microsoft,
  calls: number,
  everyMs: number,
  { warmUpMs, windowMs }: { warmUpMs: number; windowMs: number },
): Promise<Cost> {
  const due = { firstAt: Date.now(), everyMs, spread: true };
  await using running = await subject.start(microsoft, calls, due);
  await microsoft.graph.reset();
  await sleep(warmUpMs);
  const before = await read(running, microsoft);
  await sleep(windowMs);
  const after = await read(running, microsoft);
  const elapsedMs = after.at - before.at;
  const keepAlives = after.keepAlives - before.keepAlives;
  return {
    ...(await costOf(running, calls, keepAlives, before, after)),
    perSecond: (1_000 * keepAlives) / elapsedMs,
    standIn: (after.standInUs - before.standInUs) / 1_000 / elapsedMs,
  };
}

async function read({ child, store }: Running, { graph }: Microsoft): Promise<Counters> {
  const [usage, storeUs, standInUs, keepAlives] = await Promise.all([
    child.usage(),
    store?.cpuUs() ?? 0,
    graph.cpuUs(),
    graph.count(),
  ]);
  return { at: performance.now(), keepAlives, nodeUs: usage.cpuUs, storeUs, standInUs };
}

async function costOf(
  { store, emptyBytes }: Running,
  calls: number,
  keepAlives: number,
  before: Counters,
  after: Counters,
) {
  return {
    nodeUs: (after.nodeUs - before.nodeUs) / keepAlives,
    storeUs: (after.storeUs - before.storeUs) / keepAlives,
    storeBytes: store ? ((await store.bytes()) - emptyBytes) / calls : 0,
  };
}
