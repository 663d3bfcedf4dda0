import { setTimeout as sleep } from 'node:timers/promises';
import { slotWidthMs } from '../../../src/calls/wheel.ts';
import { median } from '../measure/statistics.ts';
import { figure, percent, whole } from '../report/table.ts';
import { SLOTS, writeCalls } from '../world/calls.ts';
import { Daemon } from '../world/daemon.ts';
import { Microsoft } from '../world/microsoft.ts';
import { BenchRedis } from '../world/redis.ts';
import { Turns } from '../world/turns.ts';
import type { Section } from './section.ts';

/** Fast enough that a slot's width, for which a burst has to wait, is short. */
const WHEEL = { intervalMs: 5 * 60_000, slots: SLOTS };
const ROUNDS = 3;
const RENEWED = 'callkeeper_keepalives_total{outcome="renewed"}';

interface Result {
  readonly replicas: number;
  readonly perSecond: number;
  /** Of a core, while the burst lasts. */
  readonly redisShare: number;
  /** Of all keepAlives, by replica. */
  readonly shares: readonly number[];
}

/** One Redis, more and more replicas, which the system places on the cores as it likes. */
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
            columns: ['replicas', 'keepAlives/s', 'Redis, of a core', 'share of each replica, %'],
            rows: results.map(({ replicas, perSecond, redisShare, shares }) => [
              whole(replicas),
              whole(perSecond),
              percent(redisShare),
              shares.map((share) => figure(100 * share)).join(' · '),
            ]),
          },
        ],
        notes: [`${whole(calls)} calls, all due at once; the median of ${ROUNDS} bursts.`],
      },
    ];
  },
};

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
  const renewed = () => Promise.all(daemons.map((daemon) => daemon.metric(RENEWED)));
  let before: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    if (round === 0) before = await renewed();
    await graph.reset();
    const redisUs = await redis.cpuUs();
    const at = Date.now();
    const due = await turns.fire();
    await graph.reach(due, 60_000);
    const { lastAt } = await graph.since(at, due);
    if (round >= 0) {
      speeds.push((1_000 * due) / (lastAt - at));
      redisShares.push(((await redis.cpuUs()) - redisUs) / 1_000 / (Date.now() - at));
    }
    // A burst is of calls that were renewed before the turn that it makes up for.
    await sleep(slotWidthMs(WHEEL) + 500);
  }
  const counts = (await renewed()).map((count, i) => (count || 0) - (before[i] || 0));
  const all = counts.reduce((sum, count) => sum + count, 0);
  return {
    replicas,
    perSecond: median(speeds),
    redisShare: median(redisShares),
    shares: counts.map((count) => count / all),
  };
}
