import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'vitest';
import { scenario } from '../scenario.ts';

/** In s. */
const OFF = 45 * 60;
const HOUR = 60 * 60;

/** As Graph's answers have one. */
const REQUEST_ID = '33333333-3333-4333-8333-333333333333';

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

/** For libfaketime to see that the clock was set, and for a heartbeat to tell it. */
const SEEN_MS = 2_000;

describe('when Redis’s clock takes a step', () => {
  const moving = { movableRedisClock: true };

  for (const [title, fault] of [
    ['fail', { kind: 'status', status: 503 }],
    [
      'are throttled',
      { kind: 'status', status: 429, headers: { 'retry-after': '2', 'request-id': REQUEST_ID } },
    ],
    ['hang', { kind: 'hang' }],
  ] as const) {
    scenario(`back by ten seconds while calls ${title}, none is lost`, moving, async (world) => {
      world.simulator.graphFaults.set(fault);
      await sleep(1_500);
      world.redis.setClock(-10);
      await sleep(SEEN_MS);
      world.simulator.graphFaults.clear();
    });
  }

  const inHalfAnHour = () => ({ trackUntil: new Date(Date.now() + HOUR * 500).toISOString() });

  scenario(
    'ahead by an hour for 6 s, no tracking ends that has half an hour left',
    moving,
    async (world) => {
      await world.bot.startCalls(20, inHalfAnHour());
      world.redis.setClock(HOUR);
      await sleep(6_000);
      world.redis.setClock(0);
      await sleep(SEEN_MS);
    },
  );

  scenario(
    'ahead while a replica starts, that one ends no tracking either',
    moving,
    async (world) => {
      await world.bot.startCalls(20, inHalfAnHour());
      world.redis.setClock(HOUR);
      await sleep(SEEN_MS);
      const late = await world.launch();
      await late.inStep();
      for (const old of world.replicas.slice(0, 2)) await old.kill();
      await sleep(4_000);
      world.redis.setClock(0);
      await sleep(SEEN_MS);
    },
  );

  scenario('ahead while calls fail, none expires by it', moving, async (world) => {
    world.simulator.graphFaults.set({ kind: 'status', status: 503 });
    world.redis.setClock(HOUR);
    await sleep(SEEN_MS + 1_500);
    world.redis.setClock(0);
    world.simulator.graphFaults.clear();
    await sleep(SEEN_MS);
  });

  scenario(
    'ahead, and right again, calls that are older than a deadline go on',
    moving,
    async (world) => {
      await sleep(18_000); // their tracking is now longer ago than a deadline and an interval
      world.redis.setClock(HOUR);
      await sleep(6_000); // each is renewed by the wrong clock
      world.redis.setClock(0);
      await sleep(6_000);
    },
  );
});
