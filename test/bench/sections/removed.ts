import { setTimeout as sleep } from 'node:timers/promises';
import { type Cost, costBetween, readCounters } from '../measure/counters.ts';
import { mediansOf } from '../measure/statistics.ts';
import { figure, whole } from '../report/table.ts';
import { SLOTS, writeCalls, writeRemoved } from '../world/calls.ts';
import { Daemon } from '../world/daemon.ts';
import { Microsoft } from '../world/microsoft.ts';
import { BenchRedis } from '../world/redis.ts';
import type { Block, Section } from './section.ts';

/** Fast: 10,000 calls then need about 1,000 keepAlives per second. */
const WHEEL = { intervalMs: 9_000, slots: SLOTS };
const WARM_UP_MS = 12_000;

interface Side {
  readonly removed: number;
  readonly running: { readonly child: Daemon['child']; readonly store: BenchRedis };
  readonly microsoft: Microsoft;
  readonly costs: Cost[];
}

/**
 * Do visits cost more if many calls were removed? Two replicas at the same time, one with many
 * removed calls.
 */
export const REMOVED: Section = {
  name: 'removed',
  title: 'visits beside removed calls',
  async run({ quick }) {
    const [calls, removed] = quick ? [1_000, 10_000] : [10_000, 500_000];
    await using stack = new AsyncDisposableStack();
    const sides: Side[] = [];
    for (const count of [0, removed]) {
      const microsoft = stack.use(await Microsoft.start());
      const redis = stack.use(await BenchRedis.start());
      await writeCalls(redis.url, WHEEL, calls);
      await writeRemoved(redis.url, WHEEL, count);
      const { intervalMs } = WHEEL;
      const daemon = stack.use(
        await Daemon.start({ microsoft, redisUrl: redis.url, intervalMs, role: null }),
      );
      const running = { child: daemon.child, store: redis };
      sides.push({ removed: count, running, microsoft, costs: [] });
    }
    await sleep(WARM_UP_MS);
    await measure(sides, quick ? 1 : 5, quick ? 2_000 : 9_000);
    return [blockOf(sides, calls)];
  },
};

async function measure(sides: readonly Side[], rounds: number, windowMs: number): Promise<void> {
  const read = () =>
    Promise.all(sides.map(({ running, microsoft }) => readCounters(running, microsoft.graph)));
  let before = await read();
  for (let round = 0; round < rounds; round++) {
    await sleep(windowMs);
    const after = await read();
    for (const [i, { costs }] of sides.entries()) {
      const [from, to] = [before[i], after[i]];
      if (from && to) costs.push(costBetween(from, to));
    }
    before = after;
  }
}

function blockOf(sides: readonly Side[], calls: number): Block {
  const results = sides.map(({ removed, costs }) => ({ removed, ...mediansOf(costs) }));
  const [none, many] = results;
  const ratio = (pick: (cost: Cost) => number) => (none && many ? pick(many) / pick(none) : NaN);
  const beside = `with ${whole(many?.removed ?? 0)} removed calls, times that with none`;
  return {
    name: 'removed',
    tables: [
      {
        columns: ['removed calls', 'keepAlives/s', 'Node CPU, µs each', 'Redis CPU, µs each'],
        rows: results.map(({ removed, perSecond, nodeUs, storeUs }) => [
          whole(removed),
          whole(perSecond),
          figure(nodeUs),
          figure(storeUs),
        ]),
      },
    ],
    notes: [`${whole(calls)} tracked calls each, both replicas at the same time.`],
    targets: [
      { what: `Node CPU ${beside}`, wanted: 1.2, got: ratio((c) => c.nodeUs), is: 'most' },
      { what: `Redis CPU ${beside}`, wanted: 1.2, got: ratio((c) => c.storeUs), is: 'most' },
    ],
  };
}
