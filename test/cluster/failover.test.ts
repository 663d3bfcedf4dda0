import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { WHEEL_KEY } from '../../src/store/keys.ts';
import { scenario } from '../faults/scenario.ts';
import { RedisCluster } from '../redis/redis-cluster.ts';
import { underLoad } from './load.ts';

describe('no call passes its deadline', () => {
  const killed = new RedisCluster();
  scenario(
    "when a Cluster's masters are killed ten times in turn, under load",
    { group: killed, redisWasOut: true, redisLostData: true },
    async (world) => {
      await underLoad(world, async () => {
        for (let i = 0; i < 10; i++) {
          const masters = (await killed.masters()).toSorted((a, b) => a.port - b.port);
          const master = masters[i % masters.length];
          await master?.kill();
          await killed.settled();
          await master?.restart();
          await killed.settled();
        }
      });
      for (const replica of world.replicas) await replica.ready();
    },
  );

  const resharded = new RedisCluster();
  scenario(
    'when all that is stored moves to another master of a Cluster and back, under load',
    { group: resharded, redisWasOut: true },
    async (world) => {
      const from = await resharded.masterOf(WHEEL_KEY);
      const to = (await resharded.masters()).find((one) => one !== from);
      if (!to) throw new Error('no other master');
      const slot = await resharded.client.cluster('KEYSLOT', WHEEL_KEY);
      await underLoad(world, async () => {
        await resharded.migrate([slot], from, to);
        await sleep(4_000);
        expect(await resharded.masterOf(WHEEL_KEY)).toBe(to);
        await resharded.migrate([slot], to, from);
      });
      expect(await resharded.masterOf(WHEEL_KEY)).toBe(from);
      for (const replica of world.replicas) await replica.ready();
    },
  );
});
