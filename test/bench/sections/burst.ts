import { randomBytes } from 'node:crypto';
import type { Load, LoadResult } from '../measure/load.ts';
import { figure, whole } from '../report/table.ts';
import { REAL_INTERVAL_MS, SLOTS, writeCalls } from '../world/calls.ts';
import { Child } from '../world/child.ts';
import { Daemon } from '../world/daemon.ts';
import { Microsoft } from '../world/microsoft.ts';
import { BenchRedis } from '../world/redis.ts';
import type { Section } from './section.ts';

/** Each has its own key, because the limit of requests per second is per key. */
const CLIENTS = 10;

/** All bots restart at once while the wheel turns. */
export const BURST: Section = {
  name: 'burst',
  title: 'ten clients track 100,000 calls at once',
  async run({ quick }) {
    const burst = quick ? 4_000 : 100_000;
    const before = quick ? 1_000 : 20_000;
    const intervalMs = 90_000;
    const keys = Array.from({ length: CLIENTS }, () => randomBytes(24).toString('hex'));
    await using microsoft = await Microsoft.start();
    await using redis = await BenchRedis.start();
    await writeCalls(redis.url, { intervalMs, slots: SLOTS }, before);
    const env = { API_KEYS: keys.join(','), RATE_LIMIT: '1000' };
    await using daemon = await Daemon.start({ microsoft, redisUrl: redis.url, intervalMs, env });
    await using singles = new Child(new URL('../driver.ts', import.meta.url), { role: 'driver' });
    await using batches = new Child(new URL('../driver.ts', import.meta.url), { role: 'driver' });
    await daemon.child.ask('watchLoop');
    const { graph } = microsoft;
    await graph.reset();
    const at = performance.now();
    const half = CLIENTS / 2;
    const load = { url: daemon.url, clients: half, callsPerClient: burst / CLIENTS };
    const one: Load = { ...load, keys: keys.slice(0, half), inFlight: 10, batch: 1 };
    const many: Load = { ...load, keys: keys.slice(half), inFlight: 2, batch: 1_000 };
    const [single, batch] = await Promise.all([
      singles.ask<LoadResult>('run', one),
      batches.ask<LoadResult>('run', many),
    ]);
    const acceptedMs = performance.now() - at;
    // Includes the keepAlives of the older calls that are due meanwhile.
    const perMs = before / intervalMs;
    await graph.reach(Math.ceil(burst + perMs * (performance.now() - at)), 120_000);
    const drainedMs = performance.now() - at;
    const { max: stallMs } = await daemon.child.loopDelay();
    const margin = await daemon.metric('callkeeper_min_margin_seconds');
    return [
      {
        name: 'burst',
        tables: [
          {
            columns: [
              '',
              'requests',
              'of them 429',
              '429 without Retry-After',
              'p50, ms',
              'p99, ms',
              'max, ms',
              'seconds',
            ],
            rows: [row('one by one', single), row('batches of 1,000', batch)],
          },
        ],
        notes: [
          `${whole(burst)} calls by ${CLIENTS} clients, half of them one by one (10 requests at once each), half in batches (2 at once each), while the wheel keeps ${whole(before)} others alive (${whole(1_000 * perMs)} a second). All were accepted after ${figure(acceptedMs / 1_000)} s; all had their first keepAlive after ${figure(drainedMs / 1_000)} s. The call nearest to its deadline had ${whole(margin)} s of ${whole((3 * REAL_INTERVAL_MS) / 1_000)} left at the end. The longest stall of the event loop was ${whole(stallMs)} ms.`,
        ],
      },
    ];
  },
};

function row(title: string, { statuses, withoutRetryAfter, latency, elapsedMs }: LoadResult) {
  const requests = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  return [
    title,
    whole(requests),
    whole(statuses[429] ?? 0),
    whole(withoutRetryAfter),
    figure(latency.p50),
    figure(latency.p99),
    whole(latency.max),
    figure(elapsedMs / 1_000),
  ];
}
