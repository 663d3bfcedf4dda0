import { setTimeout as sleep } from 'node:timers/promises';
import { slotWidthMs } from '../../../src/calls/wheel.ts';
import { SETTLE_MS } from '../measure/burst.ts';
import { median } from '../measure/statistics.ts';
import { figure, percent, whole } from '../report/table.ts';
import { SLOTS, writeCalls } from '../world/calls.ts';
import { Daemon } from '../world/daemon.ts';
import { Microsoft } from '../world/microsoft.ts';
import { BenchRedis } from '../world/redis.ts';
import { Turns } from '../world/turns.ts';
import type { Section, Target } from './section.ts';

/** Fast, because a burst has to wait for the width of a slot. */
const WHEEL = { intervalMs: 5 * 60_000, slots: SLOTS };
const ROUNDS = 3;
const RENEWED = 'callkeeper_keepalives_total{outcome="renewed"}';

interface Result {
  readonly replicas: number;
  readonly perSecond: number;
  /** Share of a core, during the burst. */
  readonly redisShare: number;
  /** CPU of all replicas together, in µs per keepAlive. */
  readonly nodeUs: number;
  /** Share of all keepAlives, by replica. */
  readonly shares: readonly number[];
}

/** One Redis and a growing number of replicas. The system chooses their cores. */
export const REPLICAS: Section = {
  name: 'replicas',
  title: 'one, two and four replicas',
  async run({ quick }) {
    const calls = quick ? 2_000 : 20_000;
    const results: Result[] = [];
    for (const replicas of [1, 2, 4]) results.push(await measure(replicas, calls));
    return [
      {
        name: 'replicas',
        tables: [
          {
            columns: [
              'replicas',
              'keepAlives/s',
              'CPU of all, µs each',
              'Redis, of a core',
              'share of each replica, %',
            ],
            rows: results.map(({ replicas, perSecond, nodeUs, redisShare, shares }) => [
              whole(replicas),
              whole(perSecond),
              figure(nodeUs),
              percent(redisShare),
              shares.map((share) => figure(100 * share)).join(' · '),
            ]),
          },
        ],
        notes: [`${whole(calls)} calls, all due at once; the median of ${ROUNDS} bursts.`],
        targets: [target(results)],
      },
    ];
  },
};

function target(results: readonly Result[]): Target {
  const [one = Number.NaN, , four = Number.NaN] = results.map(({ nodeUs }) => nodeUs);
  const what = 'CPU of four replicas a keepAlive, times that of one replica';
  return { what, wanted: 1.3, got: four / one, is: 'most' };
}

async function measure(replicas: number, calls: number): Promise<Result> {
  await using stack = new AsyncDisposableStack();
  const microsoft = stack.use(await Microsoft.start());
  const redis = stack.use(await BenchRedis.start());
  await writeCalls(redis.url, WHEEL, calls);
  const daemons: Daemon[] = [];
  for (let i = 0; i < replicas; i++) {
    daemons.push(
      stack.use(
        await Daemon.start({
          microsoft,
          redisUrl: redis.url,
          intervalMs: WHEEL.intervalMs,
          role: null,
        }),
      ),
    );
  }
  const turns = stack.use(await Turns.open(redis, WHEEL));
  const { graph } = microsoft;
  const speeds: number[] = [];
  const redisShares: number[] = [];
  const nodeUs: number[] = [];
  const cpuUs = async () => {
    const usages = await Promise.all(daemons.map(({ child }) => child.usage()));
    return usages.reduce((sum, usage) => sum + usage.cpuUs, 0);
  };
  const renewed = () => Promise.all(daemons.map((daemon) => daemon.metric(RENEWED)));
  let before: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    if (round === 0) before = await renewed();
    await graph.reset();
    const redisUs = await redis.cpuUs();
    const usedUs = await cpuUs();
    const at = Date.now();
    const due = await turns.fire();
    await graph.reach(due, 60_000);
    const { lastAt } = await graph.since(at, due);
    if (round >= 0) {
      speeds.push((1_000 * due) / (lastAt - at));
      redisShares.push(((await redis.cpuUs()) - redisUs) / 1_000 / (Date.now() - at));
    }
    await sleep(SETTLE_MS);
    if (round >= 0) nodeUs.push(((await cpuUs()) - usedUs) / due);
    // A burst makes up for a missed turn, so its calls must have been renewed before that turn.
    await sleep(slotWidthMs(WHEEL) + 500);
  }
  const counts = (await renewed()).map((count, i) => (count || 0) - (before[i] || 0));
  const all = counts.reduce((sum, count) => sum + count, 0);
  return {
    replicas,
    perSecond: median(speeds),
    redisShare: median(redisShares),
    nodeUs: median(nodeUs),
    shares: counts.map((count) => count / all),
  };
}
