import { beforeEach, describe, expect, test } from 'vitest';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { EVENTS_KEY, HANDOVER_KEY, slotKeys } from '../../src/store/keys.ts';
import { RedisRegistry } from '../../src/store/redis-registry.ts';
import type { Write } from '../../src/store/shared-registry.ts';
import { idIn, idsIn, WHEEL } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const SLOT = 3;
const [ONE, TWO] = [idIn(SLOT, 0), idIn(SLOT, 1)];
const ELSEWHERE = idIn(SLOT + 1, 0);

async function aRegistry(over: { hasWebhooks?: boolean; timeoutMs?: number } = {}) {
  const redis = await fast(server, over.timeoutMs);
  return new RedisRegistry({
    redis,
    slots: WHEEL.slots,
    keysOf: slotKeys,
    hasWebhooks: over.hasWebhooks ?? true,
  });
}

const put = (id: string, expected: string, text: string): Write => {
  return { id, expected, text, removedAt: null, announcements: [] };
};
const remove = (id: string, expected: string, text: string, removedAt: number): Write => {
  const ended = { type: 'ended' as const, name: `${id}/g/ended`, at: removedAt };
  return { id, expected, text, removedAt, announcements: [ended] };
};

describe('a write to Redis', () => {
  test('counts only if the expected text stands, and says what stands otherwise', async () => {
    const registry = await aRegistry();
    expect(await registry.write([put(ONE, '', 'a'), put(ELSEWHERE, '', 'x')])).toEqual([
      true,
      true,
    ]);
    expect(await registry.write([put(ONE, '', 'b'), put(ONE, 'a', 'c')])).toEqual(['a', true]);
    expect(await registry.read([ONE, ELSEWHERE, TWO])).toEqual(['c', 'x', '']);
  });

  test('of several changes of one call makes them one after the other', async () => {
    const registry = await aRegistry();
    const writes = [put(ONE, '', 'a'), put(ONE, 'a', 'b'), put(ONE, 'a', 'c'), put(ONE, 'b', 'd')];
    expect(await registry.write(writes)).toEqual([true, true, 'b', true]);
    expect(await registry.read([ONE])).toEqual(['d']);
  });

  test('keeps removed calls apart, and compares with them too', async () => {
    const registry = await aRegistry();
    await registry.write([put(ONE, '', 'a'), put(TWO, '', 'b')]);
    await registry.write([remove(ONE, 'a', 'gone', 50)]);
    expect(await registry.readSlot(SLOT)).toEqual(new Map([[TWO, 'b']]));
    expect(await registry.removedSince(SLOT, 50)).toEqual([ONE]);
    expect(await registry.removedSince(SLOT, 51)).toEqual([]);
    expect(await registry.read([ONE])).toEqual(['gone']);
    expect(await registry.write([put(ONE, '', 'again')])).toEqual(['gone']);
    expect(await registry.write([put(ONE, 'gone', 'again')])).toEqual([true]);
    expect(await registry.readSlot(SLOT)).toEqual(
      new Map([
        [TWO, 'b'],
        [ONE, 'again'],
      ]),
    );
    expect(await registry.removedSince(SLOT, 0)).toEqual([]);
  });

  test('publishes its event in the same step, and an ending for the webhooks too', async () => {
    const registry = await aRegistry();
    const tracking = { type: 'tracked' as const, name: `${ONE}/g/tracked`, at: 7 };
    const atRisk = { type: 'at-risk' as const, name: `${ONE}/g/at-risk/0`, at: 8 };
    await registry.write([{ ...put(ONE, '', 'a'), announcements: [tracking, atRisk] }]);
    await registry.write([remove(ONE, 'a', 'gone', 50), remove(TWO, 'not there', 'gone', 50)]);
    const redis = await fast(server);
    const fieldsOf = async (key: string) => {
      const entries = await redis.xrange(key, '-', '+');
      return entries.map(([, fields]) => fields.filter((_, i) => i % 2 === 1));
    };
    const tracked = ['tracked', `${ONE}/g/tracked`, '7', ONE, 'a'];
    const ended = ['ended', `${ONE}/g/ended`, '50', ONE, 'gone'];
    const risky = ['at-risk', `${ONE}/g/at-risk/0`, '8', ONE, 'a'];
    expect(await fieldsOf(EVENTS_KEY)).toEqual([tracked, risky, ended]);
    expect(await fieldsOf(HANDOVER_KEY)).toEqual([risky, ended]);
  });

  test('keeps some for webhooks if this replica delivers none: another one may', async () => {
    const registry = await aRegistry({ hasWebhooks: false });
    await registry.write([remove(ONE, '', 'gone', 50)]);
    const redis = await fast(server);
    expect(await redis.xlen(HANDOVER_KEY)).toBe(1);
  });

  test('of more calls than one script takes reports each in its place', async () => {
    const registry = await aRegistry();
    const ids = [...idsIn(SLOT, 700), ...idsIn(SLOT + 1, 700)];
    const texts = ids.map((id) => `text of ${id}`);
    const writes = ids.map((id, i) => put(id, '', texts[i] ?? ''));
    expect(await registry.write(writes)).toEqual(texts.map(() => true));
    expect((await registry.readSlot(SLOT)).size).toBe(700);
    expect(await registry.read(ids)).toEqual(texts);
  });
});

describe('writes of one turn of the event loop', () => {
  test('go out in one script, and each has its own results', async () => {
    const registry = await aRegistry();
    await registry.write([put(TWO, '', 'known')]); // now Redis has the script
    await server.client.config('RESETSTAT');
    const results = await Promise.all([
      registry.write([put(ONE, '', 'a'), put(ELSEWHERE, '', 'x')]),
      registry.write([put(TWO, 'stale', 'b')]),
      registry.write([]),
      registry.write([put(ONE, 'a', 'c'), put(ONE, 'a', 'd')]),
    ]);
    expect(results).toEqual([[true, true], ['known'], [], [true, 'c']]);
    expect(await server.client.info('commandstats')).toContain('cmdstat_evalsha:calls=1,');
  });

  test('succeed except in a slot whose keys are not ours', async () => {
    const registry = await aRegistry();
    await server.client.lpush(slotKeys(SLOT + 1, WHEEL.slots).removed, 'not ours');
    const results = await Promise.all([
      registry.write([put(ELSEWHERE, '', 'x')]),
      registry.write([put(ONE, '', 'a')]),
    ]);
    expect(results).toEqual([[null], [true]]);
    expect(await registry.read([ONE])).toEqual(['a']);
  });

  test('are split between scripts, but never one write of several calls', async () => {
    const registry = await aRegistry();
    await registry.write([put(ELSEWHERE, '', 'known')]);
    await server.client.config('RESETSTAT');
    const sets = [0, 300, 600].map((from) => idsIn(SLOT, 900).slice(from, from + 300));
    const results = await Promise.all(
      sets.map((ids) => registry.write(ids.map((id) => put(id, '', 'a')))),
    );
    expect(results.flat()).toEqual(Array.from({ length: 900 }, () => true));
    expect(await server.client.info('commandstats')).toContain('cmdstat_evalsha:calls=3,');
  });
});

describe('pruning', () => {
  test('forgets all that was removed before an instant, however many they are', async () => {
    const registry = await aRegistry();
    const ids = idsIn(SLOT, 2_500);
    await registry.write(ids.map((id, i) => remove(id, '', 'gone', i)));
    await registry.prune(SLOT, 2_400);
    expect(await registry.removedSince(SLOT, 0)).toEqual(ids.slice(2_400));
    const redis = await fast(server);
    expect(await redis.hlen(slotKeys(SLOT, WHEEL.slots).removed)).toBe(100);
  });
});

describe('a Redis that cannot serve', () => {
  test('makes reads and writes reject as unavailable', async () => {
    const registry = await aRegistry({ timeoutMs: 500 });
    const redis = await fast(server);
    await redis.config('SET', 'maxmemory', '1');
    try {
      await expect(registry.write([put(ONE, '', 'a')])).rejects.toThrow(StoreUnavailableError);
      await redis.config('SET', 'maxmemory', '0');
      await redis.set(slotKeys(SLOT, WHEEL.slots).tracked, 'not a hash');
      await expect(registry.readSlot(SLOT)).rejects.toThrow(StoreUnavailableError);
      await expect(registry.read([ONE])).rejects.toThrow(StoreUnavailableError);
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
  });

  test.each(['removed', 'removedAt'] as const)(
    'publishes nothing and writes nothing if the key of %s is of another type',
    async (kind) => {
      const registry = await aRegistry();
      const redis = await fast(server);
      await registry.write([put(ONE, '', 'a'), put(ELSEWHERE, '', 'x')]);
      await redis.set(slotKeys(SLOT, WHEEL.slots)[kind], 'not ours');
      const writes = [remove(ELSEWHERE, 'x', 'gone', 50), remove(ONE, 'a', 'gone', 50)];
      expect(await registry.write(writes)).toEqual([true, null]);
      expect(await redis.hget(slotKeys(SLOT, WHEEL.slots).tracked, ONE)).toBe('a');
      const events = await redis.xrange(EVENTS_KEY, '-', '+');
      expect(events.map(([, fields]) => fields[7])).toEqual([ELSEWHERE]);
    },
  );
});
