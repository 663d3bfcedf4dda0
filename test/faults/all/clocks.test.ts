import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'vitest';
import { scenario } from '../scenario.ts';

/** In s. */
const OFF = 45 * 60;
const HOUR = 60 * 60;

/** The simulator's certificate is minutes old: a clock behind must not fail on that alone. */
const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };

describe('no call passes its deadline with the clock', () => {
  const clocks: [string, (number | undefined)[]][] = [
    ['of one of two replicas 45 minutes ahead', [OFF, undefined]],
    ['of one of two replicas 45 minutes behind', [-OFF, undefined]],
    ['of one replica ahead and of the other behind', [OFF, -OFF]],
    ['of the only replica 45 minutes ahead', [OFF]],
    ['of the only replica 45 minutes behind', [-OFF]],
  ];
  for (const [title, clocksAheadS] of clocks) {
    const options = { replicas: clocksAheadS.length, clocksAheadS, env };
    scenario(title, options, async () => {
      await sleep(8_000);
    });
  }

  for (const [title, aheadS] of [
    ['forward', HOUR],
    ['back', -HOUR],
  ] as const) {
    scenario(
      `of one replica jumping an hour ${title}, and right again`,
      { clocksAheadS: [0, undefined], env },
      async (world) => {
        world.replica(0).setClock(aheadS);
        await sleep(8_000);
        world.replica(0).setClock(0);
        await sleep(3_000);
      },
    );

    scenario(
      `of the only replica jumping an hour ${title} while Redis is out`,
      { replicas: 1, clocksAheadS: [0], env, redisWasOut: true },
      async (world) => {
        await world.redis.kill();
        await sleep(1_000);
        world.replica(0).setClock(aheadS);
        await sleep(6_000);
        await world.redis.run();
        await sleep(6_000);
        world.replica(0).setClock(0);
      },
    );
  }

  scenario(
    'of one replica ahead while it starts without Redis',
    { replicas: 1, clocksAheadS: [undefined, OFF], env, redisWasOut: true },
    async (world) => {
      await world.redis.kill();
      const late = await world.launch();
      await late.listening();
      await world.bot.startCalls(5, {}, late);
      await sleep(2_000);
      await world.redis.run();
      await late.inStep();
      await world.replica(0).kill();
      await sleep(6_000);
    },
  );
});
