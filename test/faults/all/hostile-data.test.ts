import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { slotOf } from '../../../src/calls/wheel.ts';
import {
  EVENTS_KEY,
  HANDOVER_KEY,
  REPLICAS_KEY,
  slotKeys,
  WHEEL_KEY,
} from '../../../src/store/keys.ts';
import { encodeRecord } from '../../../src/store/record-codec.ts';
import { aCall, recordOf } from '../../calls/fixture.ts';
import { readMetrics } from '../observations.ts';
import { scenario } from '../scenario.ts';
import { INTERVAL_MS } from '../world.ts';

const SLOTS = 256;
const wheel = { intervalMs: INTERVAL_MS, slots: SLOTS };
const keysOf = (id: string) => slotKeys(slotOf(id, wheel), SLOTS);

const record = encodeRecord(recordOf(aCall({ trackedAt: Date.now() })));
const [head = '', body = ''] = record.split('\n');
const withBody = (text: string) => `${head}\n${text}`;

const NEWER = '2 of a later version';
const HOSTILE: Record<string, string> = {
  'hostile-empty': '',
  'hostile-no-record': '{"v":1}',
  'hostile-head-alone': head,
  'hostile-truncated': withBody(body.slice(0, 40)),
  'hostile-not-json': withBody('not JSON at all'),
  'hostile-null': withBody('null'),
  'hostile-number': withBody('7'),
  'hostile-nothing': withBody('[]'),
  'hostile-object': withBody('{"__proto__":{"tracking":{}}}'),
  'hostile-wrong-shape': withBody('[[7,{},[]],{"*":["r1","now"]}]'),
  'hostile-no-such-head': `1${'~'.repeat(54)}\n${body}`,
  'hostile-huge-instant': encodeRecord(recordOf(aCall({ trackedAt: 1e308 }))),
  'hostile-unknown-app': encodeRecord(recordOf(aCall({ app: 'no-such-app', trackedAt: 1 }))),
  'hostile-newer': NEWER,
};

describe('no call passes its deadline', () => {
  scenario('with hostile data in the slots and the streams', {}, async (world) => {
    const { client } = world.redis;
    for (const [id, text] of Object.entries(HOSTILE)) {
      const { tracked, removed, removedAt } = keysOf(id);
      await client.hset(tracked, id, text);
      await client.hset(removed, id, text);
      await client.zadd(removedAt, Date.now(), id);
      for (const stream of [EVENTS_KEY, HANDOVER_KEY]) {
        for (const type of ['tracked', 'ended', 'no-such-type']) {
          await client.xadd(stream, '*', 'type', type, 'at', '1', 'id', id, 'record', text);
        }
      }
    }
    // Beside each of our own calls, in the very same slots.
    for (const { id } of world.bot.wanted) {
      const { tracked, removedAt } = keysOf(id);
      await client.hset(tracked, `beside-${id}`, '{');
      await client.zadd(removedAt, Date.now(), `nowhere-${id}`);
    }
    await client.xadd(EVENTS_KEY, '*', 'nothing', 'of ours');
    await client.zadd(REPLICAS_KEY, 1, '');
    await sleep(9_000);
    expect(await client.hget(keysOf('hostile-newer').tracked, 'hostile-newer')).toBe(NEWER);
    const metrics = await readMetrics(world);
    expect(metrics.get('callkeeper_unreadable_values_total')).toBeGreaterThan(0);
  });

  scenario('with a value of a wrong type as the marker', { redisWasOut: true }, async (world) => {
    const { client } = world.redis;
    await client.del(WHEEL_KEY);
    await client.lpush(WHEEL_KEY, 'x');
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
    const { tracked } = keysOf(call?.id ?? '');
    await client.set(tracked, 'x');
    await sleep(6_000);
    await client.del(tracked);
  });
});
