import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { readMetrics } from '../observations.ts';
import { damageWheel, REDIS_FAULTS, type RedisFault } from '../redis-faults.ts';
import { RedisProcess } from '../redis-process.ts';
import { scenario } from '../scenario.ts';
import { until } from '../world.ts';

const FAULT_MS = 7_000;
const LONGER: Partial<Record<string, number>> = { 'is out of memory': 9_000 };

describe('no call passes its deadline when Redis', () => {
  for (const [name, fault] of Object.entries<RedisFault>(REDIS_FAULTS)) {
    const { losesData = false, needsLinks = false, act } = fault;
    const allowed = { redisWasOut: true, redisLostData: losesData, linked: needsLinks };
    scenario(name, allowed, (world) => act(world, LONGER[name] ?? FAULT_MS));
  }

  scenario(
    'is away while calls are tracked, stopped and hung up',
    { redisWasOut: true },
    async ({ redis, bot }) => {
      await redis.kill();
      await sleep(2_000);
      await bot.startCalls(20);
      for (const call of bot.wanted.slice(0, 10)) await bot.stopCall(call);
      for (const call of bot.wanted.slice(0, 10)) bot.hangUp(call);
      await sleep(5_000);
      await redis.run();
    },
  );

  scenario(
    'is not there when the replicas start',
    { replicas: 1, redisWasOut: true },
    async (world) => {
      await world.redis.kill();
      await world.replica(0).kill();
      const replica = await world.launch();
      await replica.listening();
      expect(await replica.status('/livez')).toBe(200);
      expect(await replica.status('/readyz')).toBe(503);
      await world.bot.startCalls(5);
      await world.redis.run();
      await replica.ready();
    },
  );
});

const HOUR_S = 3_600;

describe('no call passes its deadline when the clock of Redis', () => {
  for (const [title, aheadS] of [
    ['forward', HOUR_S],
    ['back', -HOUR_S],
  ] as const) {
    scenario(
      `jumps an hour ${title}, and right again`,
      { movableRedisClock: true },
      async (world) => {
        world.redis.setClock(aheadS);
        await sleep(9_000);
        // So far off, nobody leaves the turns to BullMQ, which goes by another clock.
        expect(await world.replica(0).status('/readyz')).toBe(503);
        world.redis.setClock(0);
        await sleep(9_000);
        expect(await world.replica(0).status('/readyz')).toBe(200);
      },
    );
  }
});

describe('no call passes its deadline when the name of Redis', () => {
  scenario(
    'comes to stand for another address, where another node has taken over',
    { named: true, redisWasOut: true },
    async (world) => {
      const { port, client, host } = world.redis;
      const next = await RedisProcess.start({ host: '127.0.0.2', port });
      await next.client.replicaof(host, port);
      await until('it has all data', async () =>
        (await next.client.info('replication')).includes('master_link_status:up'),
      );
      await next.client.replicaof('NO', 'ONE');
      client.disconnect();
      await world.redis.stop();
      world.redis = next;
      world.name(next.host);
      await sleep(6_000);
      expect(await world.replica(0).status('/readyz')).toBe(200);
    },
  );
});

describe('no call passes its deadline when BullMQ', () => {
  for (const pattern of ['repeat*', 'delayed', 'repeat:*:*', '*']) {
    scenario(`loses its keys ${pattern}`, { metricsEqualLedger: true }, async (world) => {
      for (let times = 0; times < 5; times++) {
        await damageWheel(world, pattern);
        await sleep(1_000);
      }
    });
  }

  scenario('has a worker that takes no jobs, which is then replaced', {}, async (world) => {
    for (const replica of world.replicas) replica.afflict('stopFetching');
    await sleep(10_000);
    const metrics = await readMetrics(world);
    expect(metrics.get('callkeeper_workers_replaced_total')).toBeGreaterThanOrEqual(2);
  });
});
