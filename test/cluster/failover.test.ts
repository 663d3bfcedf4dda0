import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { hashSlot } from '../../src/store/hash-slot.ts';
import { QUEUE_PREFIX, slotKeys } from '../../src/store/keys.ts';
import { scenario } from '../faults/scenario.ts';
import { RedisCluster } from '../redis/redis-cluster.ts';
import { underLoad } from './load.ts';

const SLOTS = 256;

describe('no call passes its deadline', () => {
  const killed = new RedisCluster();
  scenario(
    "when a Cluster's masters are killed ten times in turn, under load",
    { group: killed, redisWasOut: true, redisLostData: true, mayTellAgain: true },
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
    'when a third of the wheel, and the queue, move to another master of a Cluster and back, under load',
    { group: resharded, redisWasOut: true },
    async (world) => {
      const [from, to] = await resharded.masters();
      if (!from || !to) throw new Error('no masters');
      const keys = Array.from({ length: SLOTS }, (_, slot) => slotKeys(slot, SLOTS).calls);
      const moving = new Set<number>();
      for (const key of [...keys, QUEUE_PREFIX]) {
        if ((await resharded.masterOf(key)) === from) moving.add(hashSlot(key));
      }
      if ((await resharded.masterOf(QUEUE_PREFIX)) !== from) {
        const queueMaster = await resharded.masterOf(QUEUE_PREFIX);
        await underLoad(world, () =>
          resharded.migrate([hashSlot(QUEUE_PREFIX)], queueMaster, from),
        );
        moving.add(hashSlot(QUEUE_PREFIX));
      }
      await underLoad(world, async () => {
        await resharded.migrate([...moving], from, to);
        await sleep(4_000);
        await resharded.migrate([...moving], to, from);
      });
      expect(await resharded.masterOf(QUEUE_PREFIX)).toBe(from);
      for (const replica of world.replicas) await replica.ready();
    },
  );
});
