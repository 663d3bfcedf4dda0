import { beforeEach, describe, expect, test } from 'vitest';
import { callOf } from '../../src/calls/call.ts';
import {
  ALL_APPS,
  type CallRecord,
  emptyRecord,
  type Stop,
  stateOf,
} from '../../src/calls/record.ts';
import { EVENTS_KEY, HANDOVER_KEY, slotKeys } from '../../src/store/keys.ts';
import { decodeRecord, encodeRecord, readHead } from '../../src/store/record-codec.ts';
import {
  aCall,
  anError,
  aRemovedCall,
  idIn,
  MINUTE,
  NOW,
  recordOf,
  WHEEL,
} from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { aLossyRelay } from '../redis/relay.ts';
import { aReplica, events, LATER, ready } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const SLOT = 3;
const [ONE, TWO, THREE] = [idIn(SLOT, 0), idIn(SLOT, 1), idIn(5, 0)];
const keys = slotKeys(SLOT, WHEEL.slots);

const tracked = (id: string, over: Parameters<typeof aCall>[0] = {}) =>
  recordOf(aCall({ id, ...over }));
const stopped = (id: string, over: Partial<Stop> = {}, app = ALL_APPS): CallRecord => {
  const stop = { generation: 'r9', at: NOW, reason: 'request' as const, resultInfo: null, ...over };
  return { ...emptyRecord(id), stops: { [app]: stop } };
};
const renewed = (id: string, renewedAt: number): CallRecord => ({ ...emptyRecord(id), renewedAt });
const NOT_FOUND = anError({ at: NOW + 2, status: 404, code: '8522', message: 'Call not found.' });
const ended = (id: string, sentAt = NOW + 2): CallRecord => ({
  ...emptyRecord(id),
  ending: { generation: 'r1', sentAt, at: sentAt, error: NOT_FOUND },
});
const expired = (id: string, renewedAt = 0): CallRecord => ({
  ...emptyRecord(id),
  expiry: { generation: 'r1', renewedAt, at: NOW + 3 },
});
const told = async () => (await events(server)).map(({ type, id }) => [type, id]);

/** Redis as it was: gives back what is there now. */
async function aSnapshot(): Promise<() => Promise<void>> {
  const { client } = server;
  const all = await client.keys('*');
  const dumps = await Promise.all(all.map((key) => client.dumpBuffer(key)));
  return async () => {
    await client.flushall();
    for (const [i, key] of all.entries()) {
      const dump = dumps[i];
      if (dump) await client.restore(key, 0, dump);
    }
  };
}

/** A replica that knows a tracked call and loses an answer or a command of the next write. */
async function anUnluckyReplica(loses: 'answer' | 'command', record: CallRecord) {
  const relay = await aLossyRelay(Number(new URL(server.url).port));
  const replica = await aReplica({ client: server.client, url: relay.url });
  await replica.add(tracked(ONE));
  relay.lose(loses);
  const [changed] = await replica.add(record);
  expect(changed?.kind).toBe('kept');
  expect(replica.announced.map(({ type }) => type)).toEqual(['tracked']);
  await ready(replica.redis);
  const announced = () => replica.announced.map(({ type }) => type);
  return { ...replica, relay, announced };
}

describe('a write whose answer is lost', () => {
  test.each(['flush', 'sync'] as const)(
    'is announced once, when a %s finds that Redis took it',
    async (how) => {
      const { registry, sync, stored, announced } = await anUnluckyReplica('answer', ended(ONE));
      expect(await stored(ONE)).toBe('ended');
      for (let i = 0; i < 2; i++) await (how === 'flush' ? registry.flush() : sync());
      expect(announced()).toEqual(['tracked', 'ended']);
      expect(await told()).toEqual([
        ['tracked', ONE],
        ['ended', ONE],
      ]);
      expect(registry.unacknowledged).toBe(0);
    },
  );

  test('is announced once if Redis did not take it', async () => {
    const { registry, stored, announced } = await anUnluckyReplica('command', ended(ONE));
    expect(await stored(ONE)).toBe('tracked');
    for (let i = 0; i < 2; i++) await registry.flush();
    expect(await stored(ONE)).toBe('ended');
    expect(announced()).toEqual(['tracked', 'ended']);
  });

  test('is announced although this replica has learned more of the call since', async () => {
    const { registry, add, announced } = await anUnluckyReplica('answer', stopped(ONE));
    await add(stopped(ONE, { generation: 'r99' }));
    await registry.flush();
    expect(announced()).toEqual(['tracked', 'untracked']);
  });

  test('is not announced if it no longer holds', async () => {
    const { registry, add, announced } = await anUnluckyReplica('answer', expired(ONE));
    const b = await aReplica(server);
    await b.add(renewed(ONE, NOW + 1));
    await registry.flush();
    expect(announced()).toEqual(['tracked']);
    await add(ended(ONE));
    expect(announced()).toEqual(['tracked', 'ended']);
  });
});

describe('an update', () => {
  test('adds to what is known, in Redis and here, and publishes the change in the same step', async () => {
    const { registry, local, add, stored, announced } = await aReplica(server);
    const [first] = await add(tracked(ONE));
    expect(first).toMatchObject({ kind: 'stored', before: emptyRecord(ONE), after: tracked(ONE) });
    await add(renewed(ONE, NOW + 1));
    await add(ended(ONE));
    expect(await stored(ONE)).toBe('ended');
    expect(await server.client.hget(keys.removed, ONE)).toBe(local.text(ONE));
    const [record] = await registry.read([ONE]);
    expect(record).toMatchObject({
      ...tracked(ONE),
      renewedAt: NOW + 1,
      ending: ended(ONE).ending,
    });
    const published = await events(server);
    expect(published).toMatchObject([
      { type: 'tracked', name: `${ONE}/r1/tracked`, at: LATER },
      { type: 'ended', name: `${ONE}/r1/ended`, at: NOW + 2, call: local.text(ONE) },
    ]);
    expect(decodeRecord(ONE, published[0]?.call ?? '')).toEqual(tracked(ONE));
    expect(announced.map(({ type }) => type)).toEqual(['tracked', 'ended']);
    expect((await events(server, HANDOVER_KEY)).map(({ type }) => type)).toEqual(['ended']);
  });

  test('gives one result a change, in their order, and takes changes of one call in turn', async () => {
    const { registry } = await aReplica(server);
    const seen: (string | null)[] = [];
    const change = (id: string, record: CallRecord) => ({
      id,
      decide: (current: CallRecord) => {
        seen.push(stateOf(current));
        return record;
      },
    });
    const changed = await registry.update([
      change(ONE, tracked(ONE)),
      change(THREE, tracked(THREE)),
      change(ONE, stopped(ONE)),
    ]);
    expect(changed.map(({ after }) => [after.id, stateOf(after)])).toEqual([
      [ONE, 'tracked'],
      [THREE, 'tracked'],
      [ONE, 'untracked'],
    ]);
    expect(seen.at(-1)).toBe('tracked');
  });

  test('is decided again on what another replica wrote meanwhile', async () => {
    const [a, b] = [await aReplica(server), await aReplica(server)];
    await a.add(tracked(ONE, { labels: { take: '1' } }));
    const seen: unknown[] = [];
    const [changed] = await b.registry.update([
      {
        id: ONE,
        decide: (current) => {
          seen.push(current.tracking?.labels ?? null);
          return renewed(ONE, NOW + 1);
        },
      },
    ]);
    expect(seen).toEqual([null, { take: '1' }]);
    expect(changed?.after).toMatchObject({ renewedAt: NOW + 1, tracking: { generation: 'r1' } });
    expect(await told()).toEqual([['tracked', ONE]]);
  });

  test('loses nothing when many replicas change the same call at once', async () => {
    const replicas = await Promise.all(Array.from({ length: 5 }, () => aReplica(server)));
    await replicas[0]?.add(tracked(ONE));
    const all = replicas.flatMap(({ add }, i) =>
      Array.from({ length: 4 }, (_, k) => add(renewed(ONE, NOW + 10 * k + i))),
    );
    await Promise.all([...all, replicas[4]?.add(tracked(ONE, { generation: 'r2' }))]);
    const [record] = (await replicas[2]?.registry.read([ONE])) ?? [];
    expect(record).toMatchObject({ renewedAt: NOW + 34, tracking: { generation: 'r2' } });
  });

  test('that many make of one call at once rejects none of them, and costs no other call its write', async () => {
    const { add, registry, shared } = await aReplica(server);
    await add(tracked(ONE), tracked(TWO));
    const storm = Array.from({ length: 100 }, (_, i) => add(renewed(ONE, NOW + i)));
    const [first, second] = await add(renewed(ONE, NOW + 100), renewed(TWO, NOW + 1));
    expect([first?.after.renewedAt, second?.kind]).toEqual([NOW + 100, 'stored']);
    await Promise.all(storm);
    expect(await registry.flush()).toBe(true);
    expect(registry.unacknowledged).toBe(0);
    const [one, two] = await shared.read([ONE, TWO]);
    expect(decodeRecord(ONE, one ?? '').renewedAt).toBe(NOW + 100);
    expect(decodeRecord(TWO, two ?? '').renewedAt).toBe(NOW + 1);
  });

  test('that loses every race is kept here, and publishes its change when it gets through', async () => {
    const { add, registry, stored } = await aReplica(server);
    await add(tracked(ONE));
    const storm = Array.from({ length: 100 }, (_, i) => add(renewed(ONE, NOW + i)));
    const [changed] = await add(stopped(ONE));
    expect(changed?.kind).toBe('kept');
    await Promise.all(storm);
    expect([await registry.flush(), await stored(ONE)]).toEqual([true, 'untracked']);
    expect(await told()).toEqual([
      ['tracked', ONE],
      ['untracked', ONE],
    ]);
  });

  test('that adds nothing writes and publishes nothing', async () => {
    const { registry, stored } = await aReplica(server);
    const [changed] = await registry.update([{ id: ONE, decide: () => null }]);
    expect(changed).toMatchObject({ kind: 'stored', after: emptyRecord(ONE) });
    expect(await stored(ONE)).toBeNull();
    expect(await server.client.keys('*')).toEqual([]);
  });

  test('of the same thing by two replicas is published once', async () => {
    const [a, b] = [await aReplica(server), await aReplica(server)];
    await a.add(tracked(ONE));
    await b.sync();
    await Promise.all([a.add(ended(ONE)), b.add(ended(ONE))]);
    expect(await told()).toEqual([
      ['tracked', ONE],
      ['ended', ONE],
    ]);
    expect(a.announced.length + b.announced.length).toBe(2);
  });

  test('of thousands of calls of one slot makes all of them', async () => {
    const { add, shared } = await aReplica(server);
    const ids = Array.from({ length: 2_500 }, (_, i) => idIn(SLOT, 0) + String(i));
    const changed = await add(...ids.map((id) => tracked(id)));
    expect(changed.every(({ kind }) => kind === 'stored')).toBe(true);
    expect((await shared.read(ids)).every((text) => text !== '')).toBe(true);
  });
});

describe('a stop', () => {
  test('of a call that nobody knows is remembered, and holds for a tracking before it', async () => {
    const [a, b] = [await aReplica(server), await aReplica(server)];
    await a.add(stopped(ONE));
    expect(await server.client.hexists(keys.removed, ONE)).toBe(1);
    expect(await told()).toEqual([]);
    await b.add(tracked(ONE));
    expect(await b.stored(ONE)).toBe('untracked');
    expect(await told()).toEqual([['untracked', ONE]]);
    await b.add(tracked(ONE, { generation: 'ra' }));
    expect(await b.stored(ONE)).toBe('tracked');
  });

  test('of an unknown call by somebody who may touch some apps stops no call of another', async () => {
    const [a, b] = [await aReplica(server), await aReplica(server)];
    for (const id of [ONE, TWO]) await a.add(stopped(id, {}, 'default'));
    // It is no tracked call either: visits must not meet it, and it is forgotten after a day.
    expect(await server.client.exists(keys.tracked)).toBe(0);
    expect(await server.client.zcard(keys.removedAt)).toBe(2);
    await b.add(tracked(ONE), tracked(TWO, { app: 'another' }));
    expect([await b.stored(ONE), await b.stored(TWO)]).toEqual(['untracked', 'tracked']);
  });
});

describe('while Redis is out', () => {
  test('a change holds here, is marked as not acknowledged, and reaches Redis by a flush', async () => {
    const { registry, link, add, stored, announced } = await aReplica(server);
    link.up = false;
    const changed = await add(tracked(ONE), stopped(TWO));
    expect(changed.map(({ kind }) => kind)).toEqual(['kept', 'kept']);
    expect(stateOf(registry.get(ONE))).toBe('tracked');
    expect(registry.unacknowledged).toBe(2);
    expect([await registry.flush(), await stored(ONE), announced]).toEqual([false, null, []]);
    link.up = true;
    expect(await registry.flush()).toBe(true);
    expect(registry.unacknowledged).toBe(0);
    expect(await stored(ONE)).toBe('tracked');
    expect(await told()).toEqual([['tracked', ONE]]);
    expect(await registry.flush()).toBe(true);
    expect(await told()).toHaveLength(1);
  });

  test('a call that Redis knows stays durable while it is renewed and fails', async () => {
    const { registry, link, add } = await aReplica(server);
    await add(tracked(ONE), tracked(TWO), tracked(THREE));
    link.up = false;
    await add(renewed(ONE, NOW + 1));
    expect([registry.isDurable(ONE), registry.unacknowledged]).toEqual([true, 1]);
    // What the bot says, and that the call is over, only this replica knows.
    await add(tracked(TWO, { generation: 'r9', labels: { take: '2' } }), stopped(THREE));
    await add(renewed(TWO, NOW + 2));
    expect([TWO, THREE].map((id) => registry.isDurable(id))).toEqual([false, false]);
    link.up = true;
    await registry.flush();
    expect([ONE, TWO, THREE].map((id) => registry.isDurable(id))).toEqual([true, true, true]);
    expect(registry.unacknowledged).toBe(0);
  });

  test('a change holds here also if Redis dies before it answers', async () => {
    const { registry, redis, add } = await aReplica(server);
    redis.disconnect();
    expect((await add(tracked(ONE)))[0]?.kind).toBe('kept');
    expect(registry.unacknowledged).toBe(1);
    expect((await registry.read([ONE]))[0]).toEqual(tracked(ONE));
    expect(await registry.readSlot(SLOT, 'tracked')).toEqual([tracked(ONE)]);
    await expect(registry.sync(SLOT, { removedSince: null })).rejects.toThrow();
  });

  test('a change that Redis took, but whose answer was lost, is published once', async () => {
    const { registry, local, add } = await aReplica(server);
    const other = await aReplica(server);
    await other.add(tracked(ONE));
    local.merge(tracked(ONE));
    local.setUnacknowledged(ONE, true);
    await add(renewed(ONE, NOW + 1));
    expect(registry.unacknowledged).toBe(0);
    expect(await told()).toEqual([['tracked', ONE]]);
  });

  test('what others wrote meanwhile and what was said here come together', async () => {
    const [a, b] = [await aReplica(server), await aReplica(server)];
    await a.add(tracked(ONE), tracked(TWO));
    await b.sync();
    b.link.up = false;
    await b.add(renewed(ONE, NOW + 5), stopped(TWO), tracked(THREE));
    await a.add(tracked(ONE, { generation: 'r2', labels: { take: '2' } }), renewed(TWO, NOW + 1));
    b.link.up = true;
    expect(await b.sync()).toEqual({ learned: 2, pushed: 3, lost: 1 });
    await a.sync();
    for (const { registry } of [a, b]) {
      expect(registry.get(ONE)).toMatchObject({
        renewedAt: NOW + 5,
        tracking: { labels: { take: '2' } },
      });
      expect(stateOf(registry.get(TWO))).toBe('untracked');
      expect(stateOf(registry.get(THREE))).toBe('tracked');
      expect(registry.unacknowledged).toBe(0);
    }
    expect(await b.sync()).toEqual({ learned: 0, pushed: 0, lost: 0 });
  });

  test('a call that came and ended meanwhile is published as ended', async () => {
    const { registry, link, add } = await aReplica(server);
    link.up = false;
    await add(tracked(ONE));
    await add(ended(ONE));
    link.up = true;
    await registry.flush();
    await registry.flush();
    expect(await told()).toEqual([['ended', ONE]]);
  });

  test('a call that was tracked at one replica and stopped at another is published as stopped', async () => {
    const [a, b] = [await aReplica(server), await aReplica(server)];
    a.link.up = false;
    await a.add(tracked(ONE, { labels: { bot: 'b' } }));
    await b.add(stopped(ONE));
    a.link.up = true;
    await a.sync();
    expect(stateOf(a.registry.get(ONE))).toBe('untracked');
    const published = await events(server);
    expect(published.map(({ type }) => type)).toEqual(['untracked']);
    const call = callOf(decodeRecord(ONE, published[0]?.call ?? ''));
    expect(call).toMatchObject({ labels: { bot: 'b' }, removedAt: NOW, reason: 'request' });
  });

  test('the end that one replica saw is kept when another brings the stop of a notification', async () => {
    const resultInfo = { code: 200, subcode: 0, message: 'Call ended.' };
    const stop = stopped(ONE, { reason: 'notification', resultInfo, at: NOW + 9 });
    for (const sawFirst of [true, false]) {
      await server.flush();
      const [saw, heard] = [await aReplica(server), await aReplica(server)];
      await saw.add(tracked(ONE));
      await heard.sync();
      for (const { link } of [saw, heard]) link.up = false;
      await saw.add(ended(ONE));
      await heard.add(stop);
      for (const { link, sync } of sawFirst ? [saw, heard] : [heard, saw]) {
        link.up = true;
        await sync();
      }
      await Promise.all([saw.sync(), heard.sync()]);
      for (const { registry } of [saw, heard]) {
        const call = callOf(registry.get(ONE));
        expect(call).toMatchObject({ state: 'ended', removedAt: NOW + 2, resultInfo });
        expect(call?.lastError).toEqual(NOT_FOUND);
      }
    }
  });
});

describe('a sync', () => {
  test('with an empty Redis writes back what any replica knows, each call once', async () => {
    const replicas = await Promise.all(Array.from({ length: 3 }, () => aReplica(server)));
    for (const { local } of replicas) {
      for (const id of [ONE, TWO, THREE]) local.merge(tracked(id, { renewedAt: NOW + 1 }));
    }
    await Promise.all(replicas.map(({ sync }) => sync()));
    expect((await told()).toSorted()).toEqual(
      [ONE, TWO, THREE].map((id) => ['tracked', id]).toSorted(),
    );
    const [{ stored, shared } = await aReplica(server)] = replicas;
    for (const id of [ONE, TWO, THREE]) expect(await stored(id)).toBe('tracked');
    expect((await shared.readSlot(SLOT)).size).toBe(2);
  });

  test('publishes what it writes back under the name that it had', async () => {
    const { add, sync } = await aReplica(server);
    await add(tracked(ONE));
    const before = await events(server);
    await server.flush();
    expect((await sync()).lost).toBe(1);
    expect((await events(server)).map(({ name }) => name)).toEqual(before.map(({ name }) => name));
  });

  test('keeps a call ended that another replica saw end, whichever syncs first', async () => {
    for (const knowsFirst of [true, false]) {
      await server.flush();
      const [knows, doesNot] = [await aReplica(server), await aReplica(server)];
      doesNot.local.merge(tracked(ONE));
      knows.local.merge(tracked(ONE));
      knows.local.merge(ended(ONE));
      for (const { sync } of knowsFirst ? [knows, doesNot] : [doesNot, knows]) await sync();
      await doesNot.sync();
      expect(await knows.stored(ONE)).toBe('ended');
      expect(stateOf(doesNot.registry.get(ONE))).toBe('ended');
    }
  });

  test('with a Redis that went back to older data asserts again what was said since', async () => {
    const { add, sync, stored, shared } = await aReplica(server);
    await add(tracked(ONE, { renewedAt: NOW + 1 }), tracked(TWO));
    const goBack = await aSnapshot();
    await add(renewed(ONE, NOW + 15 * MINUTE - 1), stopped(TWO), tracked(THREE));
    await goBack();
    await sync();
    expect([await stored(TWO), await stored(THREE)]).toEqual(['untracked', 'tracked']);
    const [text = ''] = await shared.read([ONE]);
    expect(text).not.toBe('');
  });

  test('with a Redis that has half of a slot leaves the other half as it is', async () => {
    const { add, sync, stored } = await aReplica(server);
    await add(tracked(ONE), tracked(TWO), tracked(THREE));
    await add(ended(TWO));
    await server.client.hdel(keys.tracked, ONE);
    await server.client.hdel(keys.removed, TWO); // its place in the order of removal stays
    expect(await sync()).toEqual({ learned: 0, pushed: 2, lost: 1 });
    expect([await stored(ONE), await stored(TWO)]).toEqual(['tracked', 'ended']);
    expect(await server.client.zcard(keys.removedAt)).toBe(1);
  });

  test('after an outage compares removed calls too; one of a visit does not read them', async () => {
    const { add, registry, local, stored } = await aReplica(server);
    local.merge(recordOf(aRemovedCall({ id: ONE })));
    const other = await aReplica(server);
    await other.add(recordOf(aRemovedCall({ id: TWO, removedAt: NOW })));
    await add(tracked(idIn(SLOT, 7)));
    await registry.sync(SLOT, { removedSince: null });
    expect([await stored(ONE), stateOf(registry.get(TWO))]).toEqual([null, null]);
    await registry.sync(SLOT, { removedSince: NOW + 1 });
    expect([await stored(ONE), stateOf(registry.get(TWO))]).toEqual(['ended', null]);
    await registry.sync(SLOT, { removedSince: NOW });
    expect(stateOf(registry.get(TWO))).toBe('ended');
  });

  test('of a visit learns that a call was removed that it knows as tracked', async () => {
    const [a, b] = [await aReplica(server), await aReplica(server)];
    await a.add(tracked(ONE));
    await b.sync();
    await a.add(stopped(ONE));
    expect(await b.sync(null)).toEqual({ learned: 1, pushed: 0, lost: 0 });
    expect(stateOf(b.registry.get(ONE))).toBe('untracked');
  });

  test('takes back that a replica gave a call up which another has renewed', async () => {
    const [blind, other] = [await aReplica(server), await aReplica(server)];
    await other.add(tracked(ONE, { renewedAt: NOW + 1 }));
    await blind.sync();
    blind.link.up = false;
    await other.add(renewed(ONE, NOW + 2));
    await blind.add(expired(ONE, NOW + 1));
    expect(stateOf(blind.registry.get(ONE))).toBe('expired');
    blind.link.up = true;
    await blind.sync();
    expect([stateOf(blind.registry.get(ONE)), await other.stored(ONE)]).toEqual([
      'tracked',
      'tracked',
    ]);
  });

  test('drops an old copy of a call that Redis does not know any more', async () => {
    const isStale = (text: string) => readHead(text).trackedAt < NOW - 60 * MINUTE;
    const { local, sync, stored, registry, add } = await aReplica(server, { isStale });
    const trackedAt = NOW - 120 * MINUTE;
    local.merge(tracked(ONE, { trackedAt }));
    await add(tracked(TWO, { trackedAt }));
    await sync();
    expect([await stored(ONE), registry.get(ONE)]).toEqual([null, emptyRecord(ONE)]);
    expect([await stored(TWO), stateOf(registry.get(TWO))]).toEqual(['tracked', 'tracked']);
    expect(await told()).toEqual([['tracked', TWO]]);
  });

  test('replaces a renewal in the future in Redis', async () => {
    const { sync, registry, shared } = await aReplica(server);
    const future = encodeRecord(tracked(ONE, { renewedAt: NOW + 600 * MINUTE }));
    await server.client.hset(keys.tracked, ONE, future);
    await sync();
    const corrected = tracked(ONE, { renewedAt: LATER - WHEEL.intervalMs });
    expect(registry.get(ONE)).toEqual(corrected);
    expect(await shared.read([ONE])).toEqual([encodeRecord(corrected)]);
  });
});

describe('a value in Redis that cannot be read', () => {
  const NEWER = '2 of a later version';
  const garbage: [string, string][] = [
    ['garbage', 'garbage'],
    ['a record that was cut off', encodeRecord(tracked(TWO)).slice(0, 80)],
    ['JSON of something else', '{"v":1}'],
  ];

  test.each([...garbage, ['a newer version', NEWER] as [string, string]])(
    'is skipped and reported, and the rest of the slot goes on: %s',
    async (_, value) => {
      const { add, sync, registry, local, unreadable } = await aReplica(server);
      await add(tracked(ONE));
      await server.client.hset(keys.tracked, TWO, value);
      await server.client.hset(keys.removed, idIn(SLOT, 8), value);
      await server.client.zadd(keys.removedAt, NOW, idIn(SLOT, 8));
      await sync();
      await sync(null);
      expect(new Set(unreadable.map(({ id }) => id))).toEqual(new Set([TWO, idIn(SLOT, 8)]));
      expect([...local.tracked(SLOT).keys()]).toEqual([ONE]);
      expect(registry.get(TWO)).toEqual(emptyRecord(TWO));
      expect((await registry.read([ONE, TWO])).map(stateOf)).toEqual(['tracked', null]);
      const listed = await registry.readSlot(SLOT, 'tracked');
      expect(listed.flatMap((record) => callOf(record)?.id ?? [])).toEqual([ONE]);
      expect(await server.client.hget(keys.tracked, TWO)).toBe(value);
    },
  );

  test.each(garbage)('makes room for a call that is tracked: %s', async (_, value) => {
    const { add, stored } = await aReplica(server);
    await server.client.hset(keys.tracked, TWO, value);
    const changed = await add(tracked(ONE), tracked(TWO), tracked(THREE));
    expect(changed.map(({ kind }) => kind)).toEqual(['stored', 'stored', 'stored']);
    expect(await stored(TWO)).toBe('tracked');
    expect((await told()).toSorted()).toEqual(
      [ONE, TWO, THREE].map((id) => ['tracked', id]).toSorted(),
    );
  });

  test('makes room for what a replica knows of the call', async () => {
    const { add, sync, stored } = await aReplica(server);
    await add(tracked(TWO));
    await server.client.hset(keys.tracked, TWO, 'garbage');
    await sync();
    expect(await stored(TWO)).toBe('tracked');
  });

  test('makes no room for a renewal or an ending of a call that nobody knows', async () => {
    const { add, registry, local } = await aReplica(server);
    await server.client.hset(keys.tracked, TWO, 'garbage');
    for (const record of [renewed(TWO, NOW + 1), ended(TWO)]) await add(record);
    await registry.update([{ id: TWO, decide: () => null }]);
    expect(await server.client.hget(keys.tracked, TWO)).toBe('garbage');
    expect([local.text(TWO), registry.get(TWO)]).toEqual(['', emptyRecord(TWO)]);
    expect(await told()).toEqual([]);
  });

  test('of a newer version is refused, and never overwritten', async () => {
    const { add, sync, local, registry, link, stored, unreadable } = await aReplica(server);
    await server.client.hset(keys.tracked, TWO, NEWER);
    const changed = await add(tracked(ONE), tracked(TWO));
    expect(changed.map(({ kind }) => kind)).toEqual(['stored', 'refused']);
    expect(registry.get(TWO)).toEqual(emptyRecord(TWO));
    expect(unreadable).toMatchObject([{ id: TWO, message: 'it has version "2", not 1' }]);
    // Nor by what was said of it while Redis was out: from then on it is the later version's.
    link.up = false;
    await add(tracked(TWO), tracked(THREE));
    link.up = true;
    expect(await registry.flush()).toBe(true);
    await sync();
    expect([local.text(TWO), local.unacknowledged.size]).toEqual(['', 0]);
    expect(await stored(THREE)).toBe('tracked');
    expect(await server.client.hget(keys.tracked, TWO)).toBe(NEWER);
  });

  test('because a key is of another type costs its slot alone', async () => {
    const { add, registry, stored, shared, sync } = await aReplica(server);
    await server.client.set(keys.tracked, 'no hash');
    const changed = await add(tracked(ONE), tracked(THREE));
    expect(changed.map(({ kind }) => kind)).toEqual(['kept', 'stored']);
    expect(await shared.read([THREE])).toEqual([encodeRecord(tracked(THREE))]);
    expect([await registry.flush(), registry.unacknowledged]).toEqual([true, 1]);
    await expect(sync()).rejects.toThrow('WRONGTYPE');
    expect(stateOf(registry.get(ONE))).toBe('tracked');
    await server.client.del(keys.tracked);
    expect([await registry.flush(), await stored(ONE)]).toEqual([true, 'tracked']);
  });

  test('because the stream of events is of another type makes Redis as good as out', async () => {
    const { add, registry, stored } = await aReplica(server);
    await server.client.set(EVENTS_KEY, 'no stream');
    expect((await add(tracked(ONE)))[0]?.kind).toBe('kept');
    expect([await registry.flush(), await stored(ONE)]).toEqual([false, null]);
    await server.client.del(EVENTS_KEY);
    expect([await registry.flush(), await told()]).toEqual([true, [['tracked', ONE]]]);
  });

  test('because the stream of deliveries is of another type publishes nothing twice', async () => {
    const { add, registry } = await aReplica(server);
    await add(tracked(ONE));
    await server.client.set(HANDOVER_KEY, 'no stream');
    expect((await add(ended(ONE)))[0]?.kind).toBe('kept');
    expect([await registry.flush(), await told()]).toEqual([false, [['tracked', ONE]]]);
    await server.client.del(HANDOVER_KEY);
    expect(await registry.flush()).toBe(true);
    expect(await told()).toEqual([
      ['tracked', ONE],
      ['ended', ONE],
    ]);
  });
});

test('under memory pressure nothing is lost: what Redis refuses is kept here', async () => {
  const { add, registry, stored } = await aReplica(server);
  await add(tracked(ONE));
  await server.client.config('SET', 'maxmemory', '1');
  try {
    expect((await add(tracked(TWO)))[0]?.kind).toBe('kept');
    expect((await registry.read([ONE])).map(stateOf)).toEqual(['tracked']);
  } finally {
    await server.client.config('SET', 'maxmemory', '0');
  }
  expect(await registry.flush()).toBe(true);
  expect([await stored(TWO), (await told()).length]).toEqual(['tracked', 2]);
});
