import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { damageWheel, REDIS_FAULTS, type RedisFault } from '../redis-faults.ts';
import { scenario } from '../scenario.ts';
import { readMetrics } from '../told.ts';

const FAULT_MS = 7_000;

describe('no call passes its deadline when Redis', () => {
  for (const [name, fault] of Object.entries<RedisFault>(REDIS_FAULTS)) {
    const { losesData = false, needsLinks = false, act } = fault;
    const allowed = { redisWasOut: true, redisLostData: losesData, linked: needsLinks };
    scenario(name, allowed, (world) => act(world, FAULT_MS));
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
    for (const replica of world.replicas) replica.afflict('deafen');
    await sleep(10_000);
    const metrics = await readMetrics(world);
    expect(metrics.get('callkeeper_workers_replaced_total')).toBeGreaterThanOrEqual(2);
  });
});
