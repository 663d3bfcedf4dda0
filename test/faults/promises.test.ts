import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { scenario } from './scenario.ts';

/** One fault for each kind of promise, for `npm test`; all others are in all/. */
describe('no call passes its deadline', () => {
  scenario(
    'when a replica is killed before, in the middle of and after its requests',
    {},
    async (world) => {
      const { simulator } = world;
      await world.replica(0).kill();
      await world.startReplicas(1);
      simulator.graphFaults.set({ kind: 'delay', delayMs: 400 });
      await sleep(1_000);
      await world.replica(1).kill();
      simulator.graphFaults.clear();
      await world.startReplicas(1);
      await world.replica(2).kill();
    },
  );

  scenario(
    'when Redis is killed and comes back empty, and calls come and go meanwhile',
    { redisWasOut: true, redisLostData: true },
    async ({ redis, bot }) => {
      await redis.loseData();
      await sleep(3_000);
      await bot.startCalls(10);
      for (const call of bot.wanted.slice(0, 5)) await bot.stopCall(call);
      for (const call of bot.wanted.slice(0, 5)) bot.hangUp(call);
      await sleep(4_000);
      await redis.run();
    },
  );

  scenario(
    'when a proxy answers 404 to everything, and no call is dropped',
    { metricsEqualLedger: true },
    async ({ simulator }) => {
      simulator.graphFaults.set({ kind: 'html404' });
      await sleep(5_500);
      simulator.graphFaults.clear();
    },
  );

  scenario(
    'when three replicas are replaced one after the other, with calls coming and going',
    { replicas: 3 },
    async (world) => {
      for (let i = 0; i < 3; i++) {
        await world.startReplicas(1);
        await Promise.all([world.replica(i).stop(), world.bot.startCalls(5)]);
        expect(world.replica(i).exitCode).toBe(0);
      }
    },
  );
});
