import { setTimeout as sleep } from 'node:timers/promises';
import { openQueue } from '../../../src/schedule/wheel-queue.ts';
import { QUEUE_PREFIX } from '../../../src/store/keys.ts';
import { dateline } from '../page/page.ts';
import { number, table } from '../page/table.ts';
import { SLOTS, writeCalls } from '../world/calls.ts';
import { Daemon } from '../world/daemon.ts';
import type { Microsoft } from '../world/microsoft.ts';
import { BenchRedis } from '../world/redis.ts';
import { type Section, sized } from './section.ts';

const INTERVAL_MS = 15 * 60_000;
const LIMIT_MS = 120_000;

/** One wheel and 1, 2 or 4 replicas, none pinned: all calls due at once, and who does how much. */
export const replicas: Section = async ({ microsoft, options, say }) => {
  const calls = sized(options, { smoke: 2_000, normal: 50_000, full: 100_000 });
  const rows: string[][] = [];
  for (const count of [1, 2, 4]) {
    say(`replicas: ${count}`);
    rows.push(await burst(microsoft, count, calls));
  }
  const head = [
    'replicas',
    'keepAlives/s',
    'share of each',
    'Redis, of all CPU',
    'Node µs',
    'Redis µs',
  ];
  const parts = [
    `${number(calls)} calls due at once; the processes are placed by the system, on all cores.`,
    table(head, rows),
    dateline(options.mode, 'one round'),
  ];
  return { markdown: parts.join('\n\n') };
};

async function burst(microsoft: Microsoft, count: number, calls: number): Promise<string[]> {
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await BenchRedis.start());
  await writeCalls(redis.url, { intervalMs: INTERVAL_MS, slots: SLOTS }, calls);
  const daemons: Daemon[] = [];
  for (let i = 0; i < count; i++) {
    const options = { microsoft, redisUrl: redis.url, intervalMs: INTERVAL_MS, role: null };
    daemons.push(stack.use(await Daemon.start(options)));
  }
  const queue = openQueue(redis.client, QUEUE_PREFIX);
  stack.defer(() => queue.close());
  const renewed = () =>
    Promise.all(
      daemons.map((daemon) => daemon.metric('callkeeper_keepalives_total{outcome="renewed"}')),
    );
  const cpu = async () => {
    const usages = await Promise.all(daemons.map(({ child }) => child.usage()));
    return usages.reduce((sum, { cpuUs }) => sum + cpuUs, 0);
  };
  const fire = async () => {
    const turnAt = Date.now() - Math.ceil(INTERVAL_MS / SLOTS);
    await microsoft.graph.reset();
    const at = Date.now();
    await queue.addBulk(
      Array.from({ length: SLOTS }, (_, slot) => ({ name: 'turn', data: { slot, turnAt } })),
    );
    // Two slots of 256 may have had their turn just now: they are not due.
    const due = Math.floor(calls * (1 - 3 / SLOTS));
    await microsoft.graph.reach(due, LIMIT_MS);
    const { lastAt } = await microsoft.graph.since(at, due);
    await sleep(500);
    return (1_000 * due) / (lastAt - at);
  };
  // The calls count as renewed when they were written: their turn has to be later.
  const pauseMs = Math.ceil(INTERVAL_MS / SLOTS) + 1_000;
  await sleep(pauseMs);
  await fire(); // to warm up
  await sleep(pauseMs);
  const [doneBefore, nodeBefore, redisBefore] = [await renewed(), await cpu(), await redis.cpuUs()];
  const perSecond = await fire();
  const [done, node, store] = [await renewed(), await cpu(), await redis.cpuUs()];
  const each = done.map((value, i) => value - (doneBefore[i] ?? 0));
  const total = each.reduce((sum, value) => sum + value, 0);
  const [nodeUs, storeUs] = [node - nodeBefore, store - redisBefore];
  return [
    `${count}`,
    number(perSecond),
    each.map((value) => `${Math.round((100 * value) / total)} %`).join(', '),
    `${number((100 * storeUs) / (nodeUs + storeUs))} %`,
    number(nodeUs / total),
    number(storeUs / total),
  ];
}
