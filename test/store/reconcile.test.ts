import { beforeEach, describe, expect, test } from 'vitest';
import { type Call, forget, type GoneCall, tombstone } from '../../src/calls/call.ts';
import { decodeGoneCall } from '../../src/store/codec.ts';
import { MirroredStore } from '../../src/store/mirrored-store.ts';
import { merge, reconcile } from '../../src/store/reconcile.ts';
import type { Roster } from '../../src/store/roster.ts';
import { aCall, aGoneCall, anError, idIn, MINUTE, NOW, WHEEL } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { aRedisStore, aRoster, events } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const [ONE, TWO, THREE] = [idIn(3, 0), idIn(3, 1), idIn(5, 0)];

const LATER = NOW + 60_000;
const SLOTS = Array.from({ length: WHEEL.slots }, (_, slot) => slot);
const CLOCK = { now: () => LATER, sleep: async () => undefined };

describe('of what a replica and Redis know of a call', () => {
  const there = aCall({ registration: 'r2', renewedAt: NOW });
  const failing = { consecutiveFailures: 2, retryAt: NOW + MINUTE, lastError: anError() };

  test('the later registration counts, with the later renewal of either', () => {
    const later = aCall({ registration: 'r3', labels: { take: '3' }, renewedAt: NOW - MINUTE });
    expect(merge(later, there, LATER)).toEqual({
      next: { ...later, renewedAt: NOW },
      tell: 'tracked',
    });
    expect(merge({ ...later, renewedAt: NOW + 1 }, there, LATER)).toMatchObject({
      next: { renewedAt: NOW + 1 },
    });
    expect(merge(aCall({ registration: 'r1', renewedAt: NOW - 1 }), there, LATER)).toBeNull();
  });

  test('a later registration that says the same is not published', () => {
    const later = { ...there, registration: 'r3' };
    expect(merge(later, there, LATER)).toEqual({ next: later });
  });

  test('a tenant that Graph named replaces the default one under the same registration', () => {
    const named = { tenantId: 'of-graph', tenantIsDefault: false };
    const known = { ...there, ...named };
    const moved = { next: { ...there, ...named }, tell: 'tracked' };
    expect(merge(known, there, LATER)).toEqual(moved);
    const renewedAt = NOW + 1;
    expect(merge({ ...known, renewedAt }, there, LATER)).toMatchObject({
      next: { ...named, renewedAt },
    });
    // Under another registration the bot may have cleared it, so the named tenant stays.
    expect(merge({ ...known, registration: 'r1' }, there, LATER)).toBeNull();
    expect(merge(known, { ...there, tenantIsDefault: false }, LATER)).toBeNull();
    expect(merge(there, known, LATER)).toBeNull();
  });

  test('a stop by a client of some apps counts only for their calls', () => {
    const stop = tombstone(there.id, 'r9', NOW, ['default', 'other']);
    expect(merge(stop, there, LATER)).toMatchObject({ gone: { app: 'default' } });
    expect(merge(stop, { ...there, app: 'another' }, LATER)).toBeNull();
    expect(merge(stop, { ...there, registration: 'ra' }, LATER)).toBeNull();
  });

  test('the later renewal counts, and what failed before it does not', () => {
    const known = { ...there, renewedAt: NOW + 1 };
    expect(merge(known, { ...there, ...failing }, LATER)).toEqual({ next: known });
    expect(merge({ ...known, registration: 'r1' }, there, LATER)).toEqual({ next: known });
    expect(merge(there, there, LATER)).toBeNull();
    expect(merge({ ...there, renewedAt: null }, there, LATER)).toBeNull();
  });

  test('an ending counts for its registration and those before it', () => {
    const ended = aGoneCall({ ...there, removal: 'ended' });
    expect(merge(ended, there, LATER)).toMatchObject({ gone: { removal: 'ended' } });
    expect(merge(ended, { ...there, registration: 'r1' }, LATER)).toMatchObject({
      gone: { removal: 'ended' },
    });
    expect(merge(ended, { ...there, registration: 'r3' }, LATER)).toBeNull();
  });

  test('an expiry does not count where somebody has renewed the call, a stop does', () => {
    const renewed = { ...there, renewedAt: NOW + 1 };
    const goneAt = NOW + 2;
    expect(merge(aGoneCall({ ...there, goneAt, removal: 'expired' }), renewed, LATER)).toBeNull();
    const stopped = aGoneCall({ ...there, goneAt, removal: 'untracked' });
    expect(merge(stopped, renewed, LATER)).toMatchObject({ gone: { removal: 'untracked' } });
  });

  test('an ending does not count where somebody has renewed the call after it', () => {
    const ended = aGoneCall({ ...there, removal: 'ended', goneAt: NOW + 2 });
    expect(merge(ended, { ...there, renewedAt: NOW + 3 }, LATER)).toBeNull();
    expect(merge(ended, { ...there, renewedAt: NOW + 1 }, LATER)).toMatchObject({
      gone: { removal: 'ended' },
    });
  });
});

/** Two replicas' rosters, and the Redis between them. */
async function aReplica(): Promise<{
  roster: Roster;
  store: Awaited<ReturnType<typeof aRedisStore>>['store'];
}> {
  const { store } = await aRedisStore(server);
  return { roster: aRoster(), store };
}
const own = (roster: Roster, next: Call) =>
  roster.write([
    { id: next.id, expected: roster.peek(next.id)?.version ?? null, next, tell: 'tracked' },
  ]);
const standing = async (store: Awaited<ReturnType<typeof aRedisStore>>['store']) => {
  const slots = Array.from({ length: WHEEL.slots }, (_, slot) => store.readSlot(slot));
  return (await Promise.all(slots)).flat().map(({ call }) => call);
};

describe('after an absence of Redis', () => {
  test('it learns what was tracked, renewed and stopped meanwhile, and the roster what others did', async () => {
    const { roster, store } = await aReplica();
    await store.write(
      [ONE, TWO].map((id) => ({
        id,
        expected: null,
        next: aCall({ id }),
        tell: 'tracked' as const,
      })),
    );
    await reconcile(store, roster, SLOTS, CLOCK);
    await own(roster, aCall({ id: THREE }));
    await own(roster, { ...aCall({ id: ONE }), renewedAt: NOW });
    const gone = forget(aCall({ id: TWO }), 'untracked', NOW);
    await roster.write([{ id: TWO, expected: roster.peek(TWO)?.version ?? '', gone }]);
    expect(await reconcile(store, roster, SLOTS, CLOCK)).toMatchObject({
      updated: 2,
      restored: 1,
    });
    expect((await standing(store)).map(({ id, renewedAt }) => [id, renewedAt]).toSorted()).toEqual(
      [
        [ONE, NOW],
        [THREE, null],
      ].toSorted(),
    );
    expect(await store.findGone([TWO])).toMatchObject([{ removal: 'untracked' }]);
    expect(roster.hasUnsaved).toBe(false);
    expect(await reconcile(store, roster, SLOTS, CLOCK)).toMatchObject({
      updated: 0,
      restored: 0,
    });
  });

  test('it learns of a stop of a call that the replica did not know', async () => {
    const { roster, store } = await aReplica();
    await store.write([{ id: ONE, expected: null, next: aCall({ id: ONE }), tell: 'tracked' }]);
    await roster.stopUnknown(tombstone(ONE, 'r9', NOW));
    await roster.stopUnknown(tombstone(TWO, 'r9', NOW));
    await reconcile(store, roster, SLOTS, CLOCK);
    expect(await standing(store)).toEqual([]);
    expect(await store.findGone([ONE])).toMatchObject([{ removal: 'untracked', app: 'default' }]);
    expect(await store.findGone([TWO])).toEqual([tombstone(TWO, 'r9', NOW)]);
    expect(roster.hasUnsaved).toBe(false);
  });

  test.each([
    ['Redis', async () => undefined],
    ['a replica without Redis', async () => server.flush()],
  ])('a stop for some apps alone, that %s knows, stops no call of another', async (_, lose) => {
    const knows = await aReplica();
    await own(knows.roster, aCall({ id: ONE }));
    await own(knows.roster, aCall({ id: TWO, app: 'another' }));
    const other = await aReplica();
    const mirrored = new MirroredStore(other.store, other.roster);
    for (const id of [ONE, TWO]) {
      expect(await mirrored.stopUnknown(tombstone(id, 'r9', NOW, ['default']))).toBe(true);
    }
    await lose();
    if (_ !== 'Redis') {
      for (const id of [ONE, TWO]) {
        await other.roster.stopUnknown(tombstone(id, 'r9', NOW, ['default']));
      }
    }
    for (const { store, roster } of [other, knows, other]) {
      await reconcile(store, roster, SLOTS, CLOCK);
    }
    expect((await standing(knows.store)).map(({ id }) => id)).toEqual([TWO]);
    expect(await knows.store.findGone([ONE])).toMatchObject([
      { app: 'default', registration: 'r9' },
    ]);
    for (const { roster } of [knows, other]) {
      expect([roster.peek(ONE), roster.peek(TWO)?.call.app]).toEqual([null, 'another']);
      expect(roster.hasUnsaved).toBe(false);
    }
    expect((await events(server)).map(({ type, id }) => [type, id]).toSorted()).toEqual([
      ['restored', TWO],
      ['untracked', ONE],
    ]);
  });

  test('a call that was tracked at one replica and stopped at another is told of as stopped', async () => {
    const { roster, store } = await aReplica();
    await own(roster, aCall({ id: ONE }));
    await store.stopUnknown(tombstone(ONE, 'r9', NOW));
    const { left } = await reconcile(store, roster, SLOTS, CLOCK);
    expect(left).toMatchObject([{ id: ONE, removal: 'untracked' }]);
    expect((await events(server)).map(({ type }) => type)).toEqual(['untracked']);
    expect(roster.peek(ONE)).toBeNull();
    expect(roster.hasUnsaved).toBe(false);
  });

  test.each([
    ['', async () => undefined],
    [', also where Redis loses that too', () => server.flush()],
  ])(
    'a call that was lost and then stopped, at the replica that knew it, is told of as stopped%s',
    async (_, lose) => {
      const { roster, store } = await aReplica();
      const mirrored = new MirroredStore(store, roster);
      await mirrored.write([
        { id: ONE, expected: null, next: aCall({ id: ONE }), tell: 'tracked' },
      ]);
      await server.flush();
      expect(await mirrored.stopUnknown(tombstone(ONE, 'r9', NOW))).toBe(true);
      await lose();
      const { left, restored } = await reconcile(store, roster, roster.unsavedSlots, CLOCK);
      expect(left).toMatchObject([{ id: ONE, removal: 'untracked' }]);
      expect(restored).toBe(0);
      expect((await events(server)).map(({ type }) => type)).toEqual(['untracked']);
      expect(roster.hasUnsaved).toBe(false);
    },
  );

  test('a stop whose answer was lost, and that was taken again without Redis, is told of once', async () => {
    const { roster, store } = await aReplica();
    const call = aCall({ id: ONE });
    await store.write([{ id: ONE, expected: null, next: call, tell: 'tracked' }]);
    await reconcile(store, roster, SLOTS, CLOCK);
    const version = roster.peek(ONE)?.version ?? '';
    const stop = (registration: string) => ({
      id: ONE,
      expected: version,
      gone: { ...forget(call, 'untracked', NOW), registration },
    });
    await store.write([stop('r2')]);
    await roster.write([stop('r3')]);
    await reconcile(store, roster, SLOTS, CLOCK);
    expect((await events(server)).map(({ type }) => type)).toEqual(['tracked', 'untracked']);
    expect(await store.findGone([ONE])).toMatchObject([{ registration: 'r3' }]);
    expect(roster.hasUnsaved).toBe(false);
    // Of a call that was tracked again in between there is more to tell.
    await own(roster, { ...call, registration: 'r4', trackedAt: NOW + 1 });
    const again = { ...call, trackedAt: NOW + 1 };
    await roster.write([
      {
        id: ONE,
        expected: roster.peek(ONE)?.version ?? '',
        gone: { ...forget(again, 'untracked', NOW + 2), registration: 'r5' },
      },
    ]);
    await reconcile(store, roster, SLOTS, CLOCK);
    expect((await events(server)).map(({ type }) => type)).toEqual([
      'tracked',
      'untracked',
      'untracked',
    ]);
  });

  test('a call that came and ended meanwhile is told of', async () => {
    const { roster, store } = await aReplica();
    await own(roster, aCall({ id: ONE }));
    const gone = aGoneCall({ id: ONE, removal: 'ended' });
    await roster.write([{ id: ONE, expected: roster.peek(ONE)?.version ?? '', gone }]);
    const { left } = await reconcile(store, roster, SLOTS, CLOCK);
    expect(left).toMatchObject([{ id: ONE, removal: 'ended' }]);
    expect((await events(server)).map(({ type }) => type)).toEqual(['ended']);
    await reconcile(store, roster, SLOTS, CLOCK);
    expect(await events(server)).toHaveLength(1);
  });
});

describe('the evidence of an ending', () => {
  const lastError = anError({ at: NOW + 2, status: 404, code: '8522', message: 'Call not found.' });
  const call = aCall({ id: ONE, renewedAt: NOW });
  const ending = { ...forget({ ...call, lastError }, 'ended', NOW + 2) };
  const stop = {
    ...forget({ ...call, renewedAt: NOW - MINUTE }, 'untracked', NOW + 3),
    registration: 'r2',
    resultInfo: { code: 200, subcode: 0, message: 'Call ended.' },
  };

  /** A replica without Redis, which knows the call and takes it off the schedule. */
  async function aReplicaThatSaw(gone: GoneCall) {
    const replica = await aReplica();
    replica.roster.put(call);
    const expected = replica.roster.peek(ONE)?.version ?? '';
    await replica.roster.write([{ id: ONE, expected, gone }]);
    return replica;
  }

  async function tracked() {
    const { store } = await aReplica();
    const next = { ...call, renewedAt: NOW - MINUTE };
    await store.write([{ id: ONE, expected: null, next, tell: 'tracked' }]);
    return store;
  }

  test('seen while Redis was out reaches Redis, the event and another replica', async () => {
    const store = await tracked();
    const saw = await aReplicaThatSaw(ending);
    const { left } = await reconcile(saw.store, saw.roster, SLOTS, CLOCK);
    const expected = { removal: 'ended', renewedAt: NOW, lastError };
    expect(left).toMatchObject([expected]);
    expect(await store.findGone([ONE])).toMatchObject([expected]);
    const event = (await events(server)).at(-1);
    expect(decodeGoneCall(ONE, event?.call ?? '')).toMatchObject(expected);
    const other = aRoster();
    await new MirroredStore(store, other).readSlot(3);
    expect(other.peek(ONE)).toBeNull();
  });

  test.each([
    ['after', 'ended', ['tracked', 'ended']],
    ['before', 'untracked', ['tracked', 'untracked']],
  ])(
    'is kept when another replica, %s the one that saw it, brings the stop of a notification',
    async (when, removal, told) => {
      const store = await tracked();
      const [sawIt, wasTold] = [await aReplicaThatSaw(ending), await aReplicaThatSaw(stop)];
      const order = when === 'after' ? [sawIt, wasTold] : [wasTold, sawIt];
      for (const one of order) await reconcile(one.store, one.roster, SLOTS, CLOCK);
      const { resultInfo, registration } = stop;
      const expected = [{ removal, registration, resultInfo, renewedAt: NOW, lastError }];
      expect(await store.findGone([ONE])).toMatchObject(expected);
      for (const one of order) await reconcile(one.store, one.roster, SLOTS, CLOCK);
      expect(await store.findGone([ONE])).toMatchObject(expected);
      expect((await events(server)).map(({ type }) => type)).toEqual(told);
    },
  );

  test('is kept when the call is stopped before it reaches Redis, which lost the call', async () => {
    const { store, roster } = await aReplicaThatSaw(ending);
    const mirrored = new MirroredStore(store, roster);
    expect(await mirrored.stopUnknown(tombstone(ONE, 'r9', NOW + 5))).toBe(true);
    await reconcile(store, roster, SLOTS, CLOCK);
    expect(await store.findGone([ONE])).toMatchObject([{ removal: 'ended', lastError }]);
    expect((await events(server)).map(({ type }) => type)).toEqual(['ended']);
  });

  test('wins over a later failure of the same call that another replica saw', async () => {
    const store = await tracked();
    const [entry] = await store.find([ONE]);
    const failing = { ...call, lastError: anError({ at: NOW + 9 }), consecutiveFailures: 3 };
    await store.write([{ id: ONE, expected: entry?.version ?? '', next: failing }]);
    const saw = await aReplicaThatSaw(ending);
    await reconcile(saw.store, saw.roster, SLOTS, CLOCK);
    expect(await store.findGone([ONE])).toMatchObject([{ consecutiveFailures: 0, lastError }]);
  });
});

describe('where Redis has lost its data', () => {
  test('the rosters write it back, each call once, though all of them do it at once', async () => {
    const replicas = await Promise.all([aReplica(), aReplica(), aReplica()]);
    for (const { roster } of replicas) {
      for (const id of [ONE, TWO, THREE]) roster.put(aCall({ id, renewedAt: NOW }));
      roster.remove(aGoneCall({ id: idIn(3, 5) }));
    }
    const sums = await Promise.all(
      replicas.map(({ store, roster }) => reconcile(store, roster, SLOTS, CLOCK)),
    );
    expect(sums.reduce((sum, { restored }) => sum + restored, 0)).toBe(3);
    const [{ store } = await aReplica()] = replicas;
    expect((await standing(store)).map(({ id }) => id).toSorted()).toEqual(
      [ONE, TWO, THREE].toSorted(),
    );
    const told = (await events(server)).map(({ type, id }) => `${type} ${id}`);
    expect(told.toSorted()).toEqual([ONE, TWO, THREE].map((id) => `restored ${id}`).toSorted());
    for (const { roster } of replicas) expect(roster.tracked).toBe(3);
  });

  test('a call that another replica saw leave is not raised from the dead, whoever comes first', async () => {
    for (const knowsFirst of [true, false]) {
      await server.flush();
      const [knows, doesNot] = [await aReplica(), await aReplica()];
      doesNot.roster.put(aCall({ id: ONE }));
      knows.roster.remove(aGoneCall({ id: ONE, removal: 'ended' }));
      const order = knowsFirst ? [knows, doesNot] : [doesNot, knows];
      for (const { store, roster } of order) await reconcile(store, roster, SLOTS, CLOCK);
      expect(await standing(knows.store)).toEqual([]);
      expect(await knows.store.findGone([ONE])).toMatchObject([{ removal: 'ended' }]);
    }
  });

  test('or gone back to older data, what was accepted since is asserted again', async () => {
    const { roster, store } = await aReplica();
    const old = aCall({ id: ONE, renewedAt: NOW - 15 * MINUTE });
    await store.write([{ id: ONE, expected: null, next: old, tell: 'tracked' }]);
    roster.put({ ...old, renewedAt: NOW });
    await reconcile(store, roster, SLOTS, CLOCK);
    expect((await standing(store))[0]?.renewedAt).toBe(NOW);
  });
});
