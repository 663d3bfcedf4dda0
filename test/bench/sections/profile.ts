import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { slotWidthMs } from '../../../src/calls/wheel.ts';
import type { LoadResult } from '../measure/load.ts';
import { sharesByOrigin } from '../report/cpu-profile.ts';
import { figure } from '../report/table.ts';
import { SLOTS, writeCalls } from '../world/calls.ts';
import { Child } from '../world/child.ts';
import { Daemon } from '../world/daemon.ts';
import { Microsoft } from '../world/microsoft.ts';
import { BenchRedis } from '../world/redis.ts';
import { newDirectory, removeDirectory } from '../world/remains.ts';
import { Turns } from '../world/turns.ts';
import type { Section, Size } from './section.ts';

/** Fast, because a burst has to wait for the width of a slot. */
const WHEEL = { intervalMs: 5 * 60_000, slots: SLOTS };

type Work = (daemon: Daemon, redis: BenchRedis, microsoft: Microsoft) => Promise<void>;

/** Where a replica spends its CPU (`node --cpu-prof`). */
export const PROFILE: Section = {
  name: 'profile',
  title: "where a replica's CPU goes",
  async run(size) {
    const bursts = await profile(size.quick ? 1_000 : 20_000, keepAlives(size));
    const tracks = await profile(0, tracking(size));
    const origins = [...new Set([...bursts, ...tracks].map(([origin]) => origin))];
    const share = (shares: readonly [string, number][], wanted: string) =>
      100 * (shares.find(([origin]) => origin === wanted)?.[1] ?? 0);
    const rows = origins
      .map((origin) => [origin, share(bursts, origin), share(tracks, origin)] as const)
      .filter(([, burst, track]) => Math.max(burst, track) >= 1)
      .sort((a, b) => b[1] - a[1])
      .map(([origin, burst, track]) => [origin, figure(burst), figure(track)]);
    const columns = ['self time, %', 'keepAlives of bursts', 'tracking new calls'];
    const note = 'Of all samples, without those of idle time and of loading modules.';
    return [{ name: 'profile', tables: [{ columns, rows }], notes: [note] }];
  },
};

async function profile(calls: number, work: Work): Promise<[string, number][]> {
  const directory = newDirectory('profile');
  try {
    await using microsoft = await Microsoft.start();
    await using redis = await BenchRedis.start();
    await writeCalls(redis.url, WHEEL, calls);
    const { intervalMs } = WHEEL;
    const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${directory}`];
    {
      await using daemon = await Daemon.start({
        microsoft,
        redisUrl: redis.url,
        intervalMs,
        nodeArgs,
      });
      await work(daemon, redis, microsoft);
    }
    const [file = ''] = readdirSync(directory).filter((name) => name.endsWith('.cpuprofile'));
    return sharesByOrigin(readFileSync(join(directory, file), 'utf8'));
  } finally {
    removeDirectory(directory);
  }
}

function keepAlives({ quick }: Size): Work {
  return async (_, redis, { graph }) => {
    await using turns = await Turns.open(redis, WHEEL);
    for (let round = 0; round < (quick ? 1 : 12); round++) {
      await graph.reset();
      await graph.reach(await turns.fire(), 60_000);
      await sleep(slotWidthMs(WHEEL) + 500);
    }
  };
}

function tracking({ quick }: Size): Work {
  return async ({ url }) => {
    await using driver = new Child(new URL('../driver.ts', import.meta.url), { role: 'driver' });
    const durationMs = quick ? 1_000 : 5_000;
    await driver.ask<LoadResult>('run', { url, clients: 1, inFlight: 50, batch: 1, durationMs });
  };
}
