import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { slotOf } from '../../src/calls/wheel.ts';
import { QUEUE_PREFIX, slotKeys } from '../../src/store/keys.ts';
import { scenario } from '../faults/scenario.ts';
import { INTERVAL_MS, until, type World } from '../faults/world.ts';
import { RedisCluster } from '../redis/redis-cluster.ts';
import type { RedisServer } from '../redis/redis-server.ts';

const WHEEL = { intervalMs: INTERVAL_MS, slots: 256 };
const PART = ['--cluster-require-full-coverage', 'no'];
const OUT_MS = 9_000;

/** A master and its replica die, and come back with what they had. */
async function withoutShard(
  cluster: RedisCluster,
  master: RedisServer,
  act: () => Promise<void>,
): Promise<void> {
  const shard = [master, ...(await cluster.replicasOf(master))];
  for (const node of shard) await node.kill();
  await act();
  for (const node of shard) await node.restart();
  await cluster.settled();
}

async function notReady(world: World): Promise<string[]> {
  const [replica] = world.replicas;
  const answer = await fetch(`${replica?.url}/readyz`);
  if (answer.status === 200) return [];
  return ((await answer.json()) as { reasons: string[] }).reasons;
}

async function storeUp(world: World): Promise<string | undefined> {
  const text = await (await fetch(`${world.replica(0).url}/metrics`)).text();
  return /^callkeeper_store_up (\d)$/m.exec(text)?.[1];
}

describe('no call passes its deadline', () => {
  const part = new RedisCluster(PART);
  scenario(
    'when a Cluster is down in part: what cannot be reached goes on from memory, and it is told',
    { group: part, redisWasOut: true, redisLostData: true },
    async (world) => {
      const common = await part.masterOf(QUEUE_PREFIX);
      const master = (await part.masters()).find((one) => one !== common);
      if (!master) throw new Error('no master');
      const out = new Set<number>();
      for (let slot = 0; slot < WHEEL.slots; slot++) {
        if ((await part.masterOf(slotKeys(slot, WHEEL.slots).calls)) === master) out.add(slot);
      }
      await withoutShard(part, master, async () => {
        const reason = `Redis does not serve ${out.size} of ${WHEEL.slots} slots`;
        await until('readyz tells', async () => (await notReady(world)).includes(reason));
        expect(await storeUp(world)).toBe('0');
        const started = await world.bot.startCalls(40);
        for (const { id, durable } of started) {
          expect([id, durable]).toEqual([id, !out.has(slotOf(id, WHEEL))]);
        }
        for (const call of world.bot.wanted.slice(0, 12)) await world.bot.stopCall(call);
        await sleep(OUT_MS);
      });
      for (const replica of world.replicas) await replica.ready();
      expect(await storeUp(world)).toBe('1');
    },
  );

  const common = new RedisCluster(PART);
  scenario(
    'when what is down of a Cluster is what all slots have in common',
    { group: common, redisWasOut: true, redisLostData: true },
    async (world) => {
      await withoutShard(common, await common.masterOf(QUEUE_PREFIX), async () => {
        await until('readyz tells', async () =>
          (await notReady(world)).includes('Redis does not answer'),
        );
        expect(await storeUp(world)).toBe('0');
        await world.bot.startCalls(10);
        for (const call of world.bot.wanted.slice(0, 10)) await world.bot.stopCall(call);
        await sleep(OUT_MS);
      });
      for (const replica of world.replicas) await replica.ready();
    },
  );

  const whole = new RedisCluster();
  scenario(
    'when a Cluster that serves whole or not at all is down in part',
    { group: whole, redisWasOut: true, redisLostData: true },
    async (world) => {
      const [master] = await whole.masters();
      if (!master) throw new Error('no master');
      await withoutShard(whole, master, async () => {
        await until('readyz tells', async () =>
          (await notReady(world)).includes('Redis does not answer'),
        );
        await world.bot.startCalls(10);
        await sleep(OUT_MS);
      });
      for (const replica of world.replicas) await replica.ready();
    },
  );
});
