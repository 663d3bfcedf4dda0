import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { WHEEL_KEY } from '../../src/store/keys.ts';
import { scenario } from '../faults/scenario.ts';
import { until, type World } from '../faults/world.ts';
import { RedisCluster } from '../redis/redis-cluster.ts';
import type { RedisServer } from '../redis/redis-server.ts';

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

const isOut = async (world: World) =>
  (await notReady(world)).some((reason) => reason.startsWith('Redis is out: '));

describe('no call passes its deadline', () => {
  const other = new RedisCluster(PART);
  scenario(
    'and nothing is noticed when the part of a Cluster is down that holds none of our keys',
    { group: other },
    async (world) => {
      const ours = await other.masterOf(WHEEL_KEY);
      const theirs = (await other.masters()).filter((one) => one !== ours);
      for (const { client } of theirs) expect(await client.dbsize()).toBe(0);
      const [master] = theirs;
      if (!master) throw new Error('no other master');
      await withoutShard(other, master, async () => {
        const started = await world.bot.startCalls(40);
        for (const { durable } of started) expect(durable).toBe(true);
        for (const call of world.bot.wanted.slice(0, 12)) await world.bot.stopCall(call);
        await sleep(OUT_MS);
        expect(await notReady(world)).toEqual([]);
        expect(await storeUp(world)).toBe('1');
      });
    },
  );

  const ours = new RedisCluster(PART);
  scenario(
    'when the part of a Cluster is down that holds our keys',
    { group: ours, redisWasOut: true, redisLostData: true },
    async (world) => {
      await withoutShard(ours, await ours.masterOf(WHEEL_KEY), async () => {
        await until('readyz tells', () => isOut(world));
        expect(await storeUp(world)).toBe('0');
        await world.bot.startCalls(10);
        for (const call of world.bot.wanted.slice(0, 10)) await world.bot.stopCall(call);
        await sleep(OUT_MS);
      });
      for (const replica of world.replicas) await replica.ready();
      expect(await storeUp(world)).toBe('1');
    },
  );

  const whole = new RedisCluster();
  scenario(
    'when a Cluster that serves whole or not at all is down in part',
    { group: whole, redisWasOut: true, redisLostData: true },
    async (world) => {
      const ours = await whole.masterOf(WHEEL_KEY);
      const master = (await whole.masters()).find((one) => one !== ours);
      if (!master) throw new Error('no other master');
      await withoutShard(whole, master, async () => {
        await until('readyz tells the cause', async () =>
          (await notReady(world)).some((reason) => reason.includes('CLUSTERDOWN')),
        );
        await world.bot.startCalls(10);
        await sleep(OUT_MS);
      });
      for (const replica of world.replicas) await replica.ready();
    },
  );
});
