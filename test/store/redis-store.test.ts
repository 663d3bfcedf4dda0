import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { forget, tombstone } from '../../src/calls/call.ts';
import { type Change, StoreUnavailableError } from '../../src/calls/ports.ts';
import { slotOf } from '../../src/calls/wheel.ts';
import { encodeCall } from '../../src/store/codec.ts';
import { slotKeys } from '../../src/store/keys.ts';
import { RedisCallStore } from '../../src/store/redis-store.ts';
import { aCall, aGoneCall, DEADLINE_MS, idIn, idsIn, NOW, WHEEL } from '../calls/fixture.ts';
import { holdsToModel, steps } from '../calls/model.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { behavesAsStore } from './conformance.ts';
import { aRedisStore, DONE, events } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

behavesAsStore('the registry in Redis', async () => {
  await server.flush();
  return (await aRedisStore(server)).store;
});

test('in Redis as well no call is forgotten, none is raised from the dead, and only Graph’s 404 for it ends one', async () => {
  const { store } = await aRedisStore(server);
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      await server.flush();
      await holdsToModel(store, taken);
    }),
    { numRuns: 100 },
  );
}, 120_000);

const SLOT = 3;
const [ONE, TWO, THREE] = [idIn(SLOT, 0), idIn(SLOT, 1), idIn(SLOT, 2)];
const keys = slotKeys(SLOT, WHEEL.slots);
const track = (id: string): Change => ({
  id,
  expected: null,
  next: aCall({ id }),
  tell: 'tracked',
});

describe('a write', () => {
  test('of several changes of one call makes them one after the other', async () => {
    const { store } = await aRedisStore(server);
    const [first, renewed] = [aCall({ id: ONE }), aCall({ id: ONE, renewedAt: NOW })];
    const gone = forget(renewed, 'untracked', NOW);
    const again = aCall({ id: ONE, registration: 'r2' });
    const stale = aCall({ id: ONE, registration: 'stale' });
    const results = await store.write([
      { id: ONE, expected: null, next: first, tell: 'tracked' },
      { id: ONE, expected: encodeCall(first), next: renewed },
      { id: ONE, expected: encodeCall(first), next: stale },
      { id: ONE, expected: encodeCall(renewed), gone },
      { id: ONE, expected: null, next: again, tell: 'tracked' },
    ]);
    expect(results).toEqual([
      { done: true, version: encodeCall(first) },
      { done: true, version: encodeCall(renewed) },
      { done: false, current: { call: renewed, version: encodeCall(renewed) } },
      { done: true, version: null },
      { done: true, version: encodeCall(again) },
    ]);
    expect(await store.find([ONE])).toEqual([{ call: again, version: encodeCall(again) }]);
    expect(await store.findGone([ONE])).toEqual([null]);
    expect((await events(server)).map(({ type }) => type)).toEqual([
      'tracked',
      'untracked',
      'tracked',
    ]);
    const [entry] = await store.find([ONE]);
    await store.write([
      { id: ONE, expected: entry?.version ?? '', next: renewed },
      { id: ONE, expected: encodeCall(renewed), gone },
    ]);
    expect(await store.find([ONE])).toEqual([null]);
    expect(await store.findGone([ONE])).toEqual([gone]);
  });

  test('of thousands of changes of one slot makes all of them, whatever Lua’s stack holds', async () => {
    const { store } = await aRedisStore(server);
    const ids = idsIn(SLOT, 9_000);
    const calls = ids.map((id) => aCall({ id }));
    const tracked = await store.write(
      calls.map((next) => ({ id: next.id, expected: null, next, tell: 'tracked' as const })),
    );
    expect(tracked.every(({ done }) => done)).toBe(true);
    const left = await store.write(
      calls.map((call) => ({
        id: call.id,
        expected: encodeCall(call),
        gone: forget(call, 'ended', NOW),
      })),
    );
    expect(left.every(({ done }) => done)).toBe(true);
    expect(await store.readSlot(SLOT)).toEqual([]);
    expect(await store.readGone(SLOT)).toHaveLength(9_000);
  });
});

describe('the stream of events', () => {
  test('has one entry for each tracking, each removal and each change that is told of, and none else', async () => {
    const { store } = await aRedisStore(server);
    const versionOf = async (id: string) => (await store.find([id]))[0]?.version ?? '';
    await store.write([track(ONE), track(TWO)]);
    await store.write([track(ONE)]); // a conflict
    const renewal = aCall({ id: ONE, renewedAt: NOW });
    await store.write([{ id: ONE, expected: await versionOf(ONE), next: renewal }]);
    const risky = aCall({ id: ONE, atRiskAt: NOW });
    await store.write([{ id: ONE, expected: await versionOf(ONE), next: risky, tell: 'at-risk' }]);
    await store.write([
      { id: ONE, expected: await versionOf(ONE), next: renewal, tell: 'recovered' },
    ]);
    const gone = forget(renewal, 'ended', NOW + 1);
    const removal: Change = { id: ONE, expected: await versionOf(ONE), gone };
    await store.write([removal, removal]);
    const untracked = forget(aCall({ id: TWO }), 'untracked', NOW + 2);
    await store.write([{ id: TWO, expected: await versionOf(TWO), gone: untracked }]);

    const told = await events(server);
    expect(told.map(({ type, id, call }) => [type, id, call])).toEqual([
      ['tracked', ONE, encodeCall(aCall({ id: ONE }))],
      ['tracked', TWO, encodeCall(aCall({ id: TWO }))],
      ['at-risk', ONE, encodeCall(risky)],
      ['recovered', ONE, encodeCall(renewal)],
      ['ended', ONE, encodeCall(gone)],
      ['untracked', TWO, encodeCall(untracked)],
    ]);
    for (const { names } of told) expect(names).toEqual(['type', 'id', 'call']);
  });
});

describe('a value in Redis that cannot be read', () => {
  const garbage: [string, string, string][] = [
    ['garbage', 'garbage', 'not JSON'],
    ['a call that was cut off', encodeCall(aCall()).slice(0, 40), 'not JSON'],
    [
      'a call with a wrong type in it',
      encodeCall(aCall()).replace(`${NOW}`, '"soon"'),
      'field at is not as written by us',
    ],
    ['no text at all', '', 'not JSON'],
  ];
  const newer = '{"v":2,"secret":"of a later version"}';

  test.each([...garbage, ['of a newer version', newer, 'format 2 is newer than 1'] as const])(
    'is skipped and told of, and the rest of the slot goes on: %s',
    async (_, value, message) => {
      const { store, unreadable } = await aRedisStore(server);
      await store.write([track(ONE), track(THREE)]);
      await server.client.hset(keys.calls, TWO, value);
      const ids = (await store.readSlot(SLOT)).map(({ call }) => call.id);
      expect(ids.toSorted()).toEqual([ONE, THREE].toSorted());
      expect(unreadable).toEqual([{ slot: SLOT, id: TWO, message }]);
      expect(await store.find([ONE, TWO])).toEqual([
        expect.objectContaining({ version: expect.any(String) }),
        null,
      ]);
      expect(await server.client.hget(keys.calls, TWO)).toBe(value);
    },
  );

  test.each(garbage.filter(([, value]) => value !== ''))(
    'makes room for a call that is tracked: %s',
    async (_, value) => {
      const { store, unreadable } = await aRedisStore(server);
      await server.client.hset(keys.calls, TWO, value);
      const results = await store.write([track(ONE), track(TWO), track(THREE)]);
      expect(results).toEqual([DONE, DONE, DONE]);
      expect((await store.find([TWO]))[0]?.call).toEqual(aCall({ id: TWO }));
      expect(unreadable).toHaveLength(1);
      expect((await events(server)).map(({ id }) => id).toSorted()).toEqual(
        [ONE, TWO, THREE].toSorted(),
      );
    },
  );

  test('does not make room for a renewal or an ending', async () => {
    const { store } = await aRedisStore(server);
    await server.client.hset(keys.calls, TWO, 'garbage');
    const results = await store.write([
      { id: TWO, expected: 'what stood there', next: aCall({ id: TWO, renewedAt: NOW }) },
      { id: TWO, expected: 'what stood there', gone: aGoneCall({ id: TWO }) },
    ]);
    expect(results).toEqual([
      { done: false, current: null },
      { done: false, current: null },
    ]);
    expect(await server.client.hget(keys.calls, TWO)).toBe('garbage');
  });

  test('of a newer version is never overwritten: the registry is as good as out for that call', async () => {
    const { store, unreadable } = await aRedisStore(server);
    await server.client.hset(keys.calls, TWO, newer);
    await expect(store.write([track(TWO)])).rejects.toThrow(StoreUnavailableError);
    expect(await server.client.hget(keys.calls, TWO)).toBe(newer);
    expect(unreadable).toEqual([{ slot: SLOT, id: TWO, message: 'format 2 is newer than 1' }]);
  });

  test('among those that left is skipped and told of as well', async () => {
    const { store, unreadable } = await aRedisStore(server);
    await server.client.hset(keys.gone, {
      [ONE]: encodeCall(aGoneCall({ id: ONE })),
      [TWO]: 'garbage',
      [THREE]: newer,
    });
    expect((await store.readGone(SLOT)).map(({ id }) => id)).toEqual([ONE]);
    expect(await store.findGone([TWO])).toEqual([null]);
    expect(await store.findGone([THREE])).toEqual([null]);
    expect(unreadable.map(({ id }) => id).toSorted()).toEqual([TWO, TWO, THREE, THREE].toSorted());
  });

  test('where a whole key is of another type is an answer of Redis that it cannot serve', async () => {
    const { store } = await aRedisStore(server);
    await server.client.set(keys.calls, 'no hash');
    await expect(store.readSlot(SLOT)).rejects.toThrow(StoreUnavailableError);
    await expect(store.find([ONE])).rejects.toThrow(StoreUnavailableError);
    await expect(store.write([track(ONE)])).rejects.toThrow(StoreUnavailableError);
    expect(await store.readSlot(SLOT + 1)).toEqual([]);
  });
});

describe('what Redis has lost', () => {
  test('is written back where it is missing, and told of', async () => {
    const { store } = await aRedisStore(server);
    await store.write([track(ONE)]);
    const lost = [aCall({ id: ONE, registration: 'r9' }), aCall({ id: TWO })];
    expect(await store.restore(SLOT, lost)).toEqual({ written: 1, stopped: [] });
    expect(await store.remember(SLOT, [aGoneCall({ id: THREE })], () => false)).toHaveLength(1);
    expect((await store.find([ONE]))[0]?.call.registration).toBe('r1');
    expect((await store.find([TWO]))[0]?.call).toEqual(aCall({ id: TWO }));
    expect(await store.findGone([THREE])).toEqual([aGoneCall({ id: THREE })]);
    expect((await events(server)).map(({ type, id }) => [type, id])).toEqual([
      ['tracked', ONE],
      ['restored', TWO],
    ]);
    await store.forgetGone(SLOT, NOW + 1);
    expect(await store.findGone([THREE])).toEqual([null]);
  });

  test('is written back once, by whichever of the replicas', async () => {
    const { store } = await aRedisStore(server);
    const lost = [aCall({ id: ONE }), aCall({ id: TWO })];
    const written = await Promise.all([1, 2, 3].map(() => store.restore(SLOT, lost)));
    expect(written.reduce((sum, { written }) => sum + written, 0)).toBe(2);
    expect(await events(server)).toHaveLength(2);
  });

  test('that a call left is told of once, if it is news, by whichever of the replicas', async () => {
    const { store } = await aRedisStore(server);
    const gone = [aGoneCall({ id: ONE, removal: 'expired' }), aGoneCall({ id: TWO })];
    const isNews = ({ id }: { id: string }) => id === ONE;
    const written = await Promise.all([1, 2, 3].map(() => store.remember(SLOT, gone, isNews)));
    expect(written.flat()).toHaveLength(2);
    expect((await events(server)).map(({ type, id }) => [type, id])).toEqual([['expired', ONE]]);
  });

  test('a call that was stopped where nobody knew it is not written back, but told of', async () => {
    const { store } = await aRedisStore(server);
    await store.stopUnknown(tombstone(ONE, 'r5', NOW));
    const call = aCall({ id: ONE, registration: 'r4', labels: { bot: 'b' } });
    const { written, stopped } = await store.restore(SLOT, [call]);
    expect(written).toBe(0);
    expect(stopped).toMatchObject([{ labels: { bot: 'b' }, registration: 'r5', goneAt: NOW }]);
    expect(await store.remember(SLOT, stopped, () => true)).toEqual(stopped);
    expect(await store.remember(SLOT, stopped, () => true)).toEqual([]);
    expect(await store.findGone([ONE])).toEqual(stopped);
    expect((await events(server)).map(({ type, id }) => [type, id])).toEqual([['untracked', ONE]]);
  });

  test('does not raise from the dead what has left under this registration or a later one', async () => {
    const { store } = await aRedisStore(server);
    const gone = [
      aGoneCall({ id: ONE, registration: 'r2' }),
      aGoneCall({ id: TWO, registration: 'r3' }),
      aGoneCall({ id: THREE, registration: 'r1' }),
    ];
    await store.remember(SLOT, gone, () => false);
    const tracked = [ONE, TWO, THREE].map((id) => aCall({ id, registration: 'r2' }));
    expect(await store.restore(SLOT, tracked)).toEqual({ written: 1, stopped: [] });
    expect((await store.readSlot(SLOT)).map(({ call }) => call.id)).toEqual([THREE]);
  });
});

describe('the lock of a slot', () => {
  test('is held by one at a time, until it expires', async () => {
    const { store } = await aRedisStore(server);
    const { store: other } = await aRedisStore(server);
    expect(await store.tryLock(SLOT, 60_000)).toBe(true);
    expect(await other.tryLock(SLOT, 60_000)).toBe(false);
    expect(await other.tryLock(SLOT + 1, 60_000)).toBe(true);
    expect(await server.client.pttl(keys.lock)).toBeGreaterThan(0);
    await server.client.del(keys.lock);
    expect(await other.tryLock(SLOT, 60_000)).toBe(true);
  });

  test('does not keep its holder from the slot’s next turn', async () => {
    const { store } = await aRedisStore(server);
    expect(await store.tryLock(SLOT, 60_000)).toBe(true);
    await server.client.pexpire(keys.lock, 1_000);
    expect(await store.tryLock(SLOT, 60_000)).toBe(true);
    expect(await server.client.pttl(keys.lock)).toBeGreaterThan(1_000);
  });

  test('does not last longer than it was taken for, even after Redis’s clock was set back', async () => {
    const { store } = await aRedisStore(server);
    await store.tryLock(SLOT, 60_000);
    await server.client.pexpire(keys.lock, 3_600_000);
    const { store: other } = await aRedisStore(server);
    expect(await other.tryLock(SLOT, 60_000)).toBe(true);
    expect(await server.client.pttl(keys.lock)).toBeLessThanOrEqual(60_000);
    expect(await store.tryLock(SLOT, 60_000)).toBe(false);
  });
});

describe('a registry that does not answer', () => {
  test('rejects whatever is asked of it', async () => {
    const { redis } = await aRedisStore(server);
    redis.disconnect();
    const store = new RedisCallStore(redis, WHEEL, () => undefined);
    const asked = [
      store.readSlot(SLOT),
      store.find([ONE]),
      store.findGone([ONE]),
      store.readGone(SLOT),
      store.forgetGone(SLOT, NOW),
      store.write([track(ONE)]),
      store.restore(SLOT, [aCall({ id: ONE })]),
      store.tryLock(SLOT, DEADLINE_MS),
    ];
    for (const { status, ...rest } of await Promise.allSettled(asked)) {
      expect(status).toBe('rejected');
      expect((rest as PromiseRejectedResult).reason).toBeInstanceOf(StoreUnavailableError);
    }
  });

  test('that refuses a write is out: under memory pressure it loses nothing', async () => {
    const { store } = await aRedisStore(server);
    await store.write([track(ONE)]);
    await server.client.config('SET', 'maxmemory', '1');
    try {
      await expect(store.write([track(TWO)])).rejects.toThrow(/Redis: .*OOM/);
      expect((await store.find([ONE]))[0]?.call.id).toBe(ONE);
    } finally {
      await server.client.config('SET', 'maxmemory', '0');
    }
    expect(await store.write([track(TWO)])).toEqual([DONE]);
  });
});

test('the keys of a slot live on one node of a Cluster', async () => {
  const tags = Object.values(keys).map((key) => /\{(.+?)\}/.exec(key)?.[1]);
  expect(new Set(tags)).toEqual(new Set(['callkeeper:1']));
  expect(slotOf(ONE, WHEEL)).toBe(SLOT);
});
