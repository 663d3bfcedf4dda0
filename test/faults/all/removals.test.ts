import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { SLOTS, slotOf } from '../../../src/calls/wheel.ts';
import { QUEUE_PREFIX } from '../../../src/store/keys.ts';
import { scenario } from '../scenario.ts';
import { INTERVAL_MS, until, type World } from '../world.ts';

const IN_ONE_SLOT = 400;

/** Tracks calls whose ids all have the same slot. */
async function startInOneSlot({ simulator, bot }: World, count: number) {
  const slot = 7;
  const ids: string[] = [];
  while (ids.length < count) {
    const id = crypto.randomUUID();
    if (slotOf(id, { slots: SLOTS }) === slot) ids.push(simulator.createCall({ id }));
  }
  const started = [];
  for (let i = 0; i < ids.length; i += 16) {
    started.push(...(await Promise.all(ids.slice(i, i + 16).map((id) => bot.track(id)))));
  }
  return started;
}

describe('no stopped call is kept alive again when Redis comes back with older data', () => {
  for (const isReplaced of [false, true]) {
    scenario(
      `than ${IN_ONE_SLOT} stops in one slot${isReplaced ? ', and a replica was replaced in between' : ''}`,
      { calls: 10, redisWasOut: true, redisLostData: true },
      async (world) => {
        const { redis, bot } = world;
        const calls = await startInOneSlot(world, IN_ONE_SLOT);
        await sleep(INTERVAL_MS);
        await redis.snapshot();
        for (let i = 0; i < calls.length; i += 16) {
          await Promise.all(calls.slice(i, i + 16).map((call) => bot.stopCall(call)));
        }
        if (isReplaced) {
          await world.startReplicas(1);
          await world.replica(0).stop();
        }
        await redis.setBack();
        await sleep(2_000);
        await redis.run();
        const isUp = async () => {
          const ready = await Promise.all(world.living.map((one) => one.status('/readyz')));
          return ready.every((status) => status === 200);
        };
        await until('all replicas are ready', isUp, 30_000);
        // The oracles see whether anything was posted for a call after its stop.
        await sleep(2 * INTERVAL_MS);
      },
    );
  }
});

describe('a tracking that is prolonged again and again', () => {
  scenario(
    'by trackUntil, like a lease, ends when the last word says and leaves nothing behind',
    { calls: 50 },
    async ({ bot, client }) => {
      const delayed = async () => {
        const keys = await client.keys(`${QUEUE_PREFIX}:*:delayed`);
        const sizes = await Promise.all(keys.map((key) => client.zcard(key)));
        return sizes.reduce((sum, size) => sum + size, 0);
      };
      const before = await delayed();
      for (let times = 0; times < 20; times++) {
        const trackUntil = new Date(Date.now() + 60_000 + times).toISOString();
        for (const call of bot.wanted) await bot.track(call.id, { trackUntil });
      }
      expect(await delayed()).toBeLessThanOrEqual(before + 1);
      // Those whose time has come are stopped without a request.
      const brief = bot.wanted.slice(0, 5);
      const trackUntil = new Date(Date.now() + 1_500).toISOString();
      for (const call of brief) {
        await bot.track(call.id, { trackUntil });
        call.stopAskedAt = Date.now();
      }
      const states = async () => {
        const answers = await Promise.all(
          brief.map(({ id, by }) => fetch(`${by.url}/calls/${id}`).then((one) => one.json())),
        );
        return answers.map((call) => (call as { reason?: string }).reason);
      };
      const areOver = async () => (await states()).every((reason) => reason === 'track-until');
      await until('the trackings are over', areOver, 30_000);
    },
  );
});
