import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'vitest';
import { scenario } from './scenario.ts';

describe('no call passes its deadline', () => {
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

  scenario('when Redis is flushed', { redisLostData: true }, async ({ redis }) => {
    await redis.client.flushall();
  });

  scenario('when Redis hangs', { redisWasOut: true }, async ({ redis }) => {
    await redis.client.client('PAUSE', 5_000, 'ALL');
    await sleep(5_500);
  });

  scenario('when Redis has no memory for anything', { redisWasOut: true }, async ({ redis }) => {
    await redis.client.config('SET', 'maxmemory', 1);
    await sleep(9_000);
    await redis.client.config('SET', 'maxmemory', 0);
  });

  scenario(
    'when Graph is out until shortly before the deadline of the nearest',
    { calls: 200 },
    async ({ simulator }) => {
      await simulator.graphDown();
      await sleep(6_500);
      await simulator.graphUp();
    },
  );
});
