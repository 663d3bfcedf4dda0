import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { slotOf } from '../../../src/calls/wheel.ts';
import { EVENTS_KEY, REPLICAS_KEY, slotKeys, WHEEL_KEY } from '../../../src/store/keys.ts';
import { scenario } from '../scenario.ts';
import { readMetrics } from '../told.ts';
import { INTERVAL_MS } from '../world.ts';

const SLOTS = 256;
const wheel = { intervalMs: INTERVAL_MS, slots: SLOTS };
const callsKey = (id: string) => slotKeys(slotOf(id, wheel), SLOTS).calls;
const goneKey = (id: string) => slotKeys(slotOf(id, wheel), SLOTS).gone;

const NEWER = '{"v":99,"shape":"of a later version"}';
const HOSTILE: Record<string, string> = {
  'hostile-not-json': 'not JSON at all',
  'hostile-truncated': '{"v":1,"a":"default","t":"111',
  'hostile-null': 'null',
  'hostile-array': '[]',
  'hostile-number': '7',
  'hostile-proto': '{"v":1,"__proto__":{"a":"x"}}',
  'hostile-wrong-shape': '{"v":1,"a":5,"t":{},"r":[],"at":"now"}',
  'hostile-huge-instant': '{"v":1,"a":"default","t":"t","r":"r","at":1e308}',
  'hostile-unknown-app': '{"v":1,"a":"no such app","t":"t","r":"r","at":1}',
  'hostile-newer': NEWER,
};

describe('no call passes its deadline', () => {
  scenario('with hostile data in the slots, the stream and the marker', {}, async (world) => {
    const { client } = world.redis;
    for (const [id, value] of Object.entries(HOSTILE)) {
      await client.hset(callsKey(id), id, value);
      await client.hset(goneKey(id), id, value);
      for (const type of ['tracked', 'ended', 'no-such-type']) {
        await client.xadd(EVENTS_KEY, '*', 'type', type, 'id', id, 'call', value);
      }
    }
    // Beside each of our own calls, in the very same slots.
    for (const { id } of world.bot.wanted) await client.hset(callsKey(id), `beside-${id}`, '{');
    await client.xadd(EVENTS_KEY, '*', 'nothing', 'of ours');
    await client.hset(WHEEL_KEY, 'of-a-later-version', 'x');
    await client.zadd(REPLICAS_KEY, 1, '');
    await sleep(9_000);
    expect(await client.hget(callsKey('hostile-newer'), 'hostile-newer')).toBe(NEWER);
    const metrics = await readMetrics(world);
    expect(metrics.get('callkeeper_unreadable_values_total')).toBeGreaterThan(0);
  });

  scenario('with a value of a wrong type as the marker', { redisWasOut: true }, async (world) => {
    const { client } = world.redis;
    await client.set(WHEEL_KEY, 'x');
    await sleep(6_000);
    await client.del(WHEEL_KEY);
  });

  scenario(
    'with a value of a wrong type as the stream',
    { redisWasOut: true, redisLostData: true },
    async (world) => {
      const { client } = world.redis;
      await client.set(EVENTS_KEY, 'x');
      await sleep(6_000);
      await client.del(EVENTS_KEY);
    },
  );

  scenario('with a value of a wrong type as a slot', { redisWasOut: true }, async (world) => {
    const { client } = world.redis;
    const [call] = world.bot.wanted;
    await client.set(callsKey(call?.id ?? ''), 'x');
    await sleep(6_000);
    await client.del(callsKey(call?.id ?? ''));
  });
});
