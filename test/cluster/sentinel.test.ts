import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'vitest';
import { scenario } from '../faults/scenario.ts';
import { until } from '../faults/world.ts';
import { RedisSentinels } from '../redis/redis-sentinels.ts';
import { underLoad } from './load.ts';

describe('no call passes its deadline', () => {
  const killed = new RedisSentinels();
  scenario(
    'when the master of a Sentinel group is killed, under load',
    { group: killed, redisWasOut: true, redisLostData: true },
    async (world) => {
      const master = await killed.master();
      await underLoad(world, async () => {
        await master.kill();
        await until('a new master', async () => (await killed.master()) !== master, 60_000);
        await sleep(3_000);
        await master.restart();
        await killed.settled();
      });
      for (const replica of world.replicas) await replica.ready();
    },
  );

  const hung = new RedisSentinels();
  scenario(
    'when the master of a Sentinel group hangs, and comes to itself when another has taken over',
    { group: hung, redisWasOut: true, redisLostData: true },
    async (world) => {
      const master = await hung.master();
      await underLoad(world, async () => {
        master.freeze();
        await until('a new master', async () => (await hung.master()) !== master, 60_000);
        await sleep(3_000);
        master.thaw();
        await hung.settled();
      });
      for (const replica of world.replicas) await replica.ready();
    },
  );
});
