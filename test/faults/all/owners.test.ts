import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { GRACE_MS, LEASE_MS, OWNER_ENV, Owner, ownersIn } from '../owner.ts';
import { REDIS_FAULTS } from '../redis-faults.ts';
import { scenario } from '../scenario.ts';
import { until, type World } from '../world.ts';

/** The calls without an owner must not be affected by what happens to owners. */
const BASIS = { env: OWNER_ENV, calls: 20 };
const LONGER_THAN_A_LEASE_MS = LEASE_MS + GRACE_MS + 2_000;
const HOUR_S = 3_600;

/** The replica that expires the leases. */
function expirerIn({ replicas }: World) {
  return replicas.find(({ lines }) => lines.some(({ event }) => event === 'owner-lapsed'));
}

describe('only the calls of a dead owner are stopped when', () => {
  scenario(
    'the replica that found its lease lapsed is killed, and another joins',
    BASIS,
    async (world) => {
      const dead = await Owner.start(world, 'bot-dead');
      await Owner.start(world, 'bot-alive');
      dead.die();
      await until('its lease has lapsed', () => expirerIn(world) !== undefined, 2 * LEASE_MS);
      await expirerIn(world)?.kill();
      await world.startReplicas(1);
      await dead.lost();
      expect(ownersIn(world, 'owner-lapsed')).toEqual(['bot-dead']);
      expect(ownersIn(world, 'owner-lost')).toEqual(['bot-dead']);
    },
  );

  scenario(
    'Redis comes back empty: the replicas write the leases back',
    { ...BASIS, redisWasOut: true, redisLostData: true },
    async (world) => {
      const dead = await Owner.start(world, 'bot-dead');
      await Owner.start(world, 'bot-alive');
      dead.die();
      await REDIS_FAULTS['is killed, and comes back empty'].act(world, 3_000);
      await dead.lost();
      expect(ownersIn(world, 'owner-lost')).toEqual(['bot-dead']);
    },
  );

  scenario(
    'Redis is flushed',
    { ...BASIS, redisWasOut: true, redisLostData: true },
    async (world) => {
      const dead = await Owner.start(world, 'bot-dead');
      await Owner.start(world, 'bot-alive');
      dead.die();
      await REDIS_FAULTS['is flushed'].act(world);
      await dead.lost();
      expect(ownersIn(world, 'owner-lost')).toEqual(['bot-dead']);
    },
  );
});

describe('no owner is lost when', () => {
  for (const name of ['is killed', 'is stopped in its tracks'] as const) {
    scenario(
      `Redis ${name} for longer than lease and grace, and nobody could renew a lease`,
      { ...BASIS, redisWasOut: true, settleMs: LONGER_THAN_A_LEASE_MS },
      async (world) => {
        const owner = await Owner.start(world, 'bot-cut-off');
        owner.stopRenewing();
        await REDIS_FAULTS[name].act(world, LONGER_THAN_A_LEASE_MS);
        await sleep(3_000);
        owner.keepRenewing();
        await sleep(1_000);
        expect(ownersIn(world, 'owner-lapsed')).toEqual([]);
      },
    );
  }

  scenario(
    'Redis comes back empty, and all of them renew their leases',
    { ...BASIS, redisWasOut: true, redisLostData: true, settleMs: LONGER_THAN_A_LEASE_MS },
    async (world) => {
      await Owner.start(world, 'bot-1');
      await Owner.start(world, 'bot-2');
      await REDIS_FAULTS['is killed, and comes back empty'].act(world, 3_000);
      const has = async (name: string) => {
        const answer = await fetch(`${world.replica(0).url}/owners/${name}`);
        return ((await answer.json()) as { state?: string }).state === 'active';
      };
      await until(
        'both leases are known',
        async () => (await has('bot-1')) && (await has('bot-2')),
      );
    },
  );

  for (const [title, aheadS] of [
    ['forward', HOUR_S],
    ['back', -HOUR_S],
  ] as const) {
    scenario(
      `the clock of Redis jumps an hour ${title}, and right again`,
      { ...BASIS, movableRedisClock: true, settleMs: LONGER_THAN_A_LEASE_MS },
      async (world) => {
        await Owner.start(world, 'bot-1');
        world.redis.setClock(aheadS);
        await sleep(9_000);
        world.redis.setClock(0);
        await sleep(9_000);
        expect(ownersIn(world, 'owner-lapsed')).toEqual([]);
      },
    );
  }
});

describe('the calls of a dead owner are stopped when the clock of Redis was an hour ahead, and', () => {
  scenario(
    'its last renewal was after that',
    { ...BASIS, movableRedisClock: true },
    async (world) => {
      const dead = await Owner.start(world, 'bot-dead');
      world.redis.setClock(HOUR_S);
      await sleep(5_000);
      world.redis.setClock(0);
      await sleep(5_000);
      dead.die();
      await dead.lost();
    },
  );

  scenario(
    'its last renewal was by that clock',
    { ...BASIS, movableRedisClock: true },
    async (world) => {
      const dead = await Owner.start(world, 'bot-dead');
      world.redis.setClock(HOUR_S);
      await sleep(6_000);
      dead.die();
      world.redis.setClock(0);
      await dead.lost();
    },
  );
});
