import { beforeEach, describe, expect, test } from 'vitest';
import { forget } from '../../src/calls/call.ts';
import type { Wheel } from '../../src/calls/wheel.ts';
import type { RedisClient } from '../../src/store/connection.ts';
import { LAYING_KEY, WHEEL_KEY } from '../../src/store/keys.ts';
import { layAnew } from '../../src/store/laying.ts';
import { Membership } from '../../src/store/membership.ts';
import { aCall, NOW } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { aRedisStore, fast } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const OLD: Wheel = { intervalMs: 900_000, slots: 8 };
const NEW: Wheel = { intervalMs: 900_000, slots: 5 };
const IDS = Array.from({ length: 300 }, (_, i) => `call-${1000 + i}`);
const LEFT = Array.from({ length: 40 }, (_, i) => `left-${1000 + i}`);

const lay = (wheel: Wheel) =>
  server.client.hset(WHEEL_KEY, { intervalMs: wheel.intervalMs, slots: wheel.slots });
const laid = async () => Number(await server.client.hget(WHEEL_KEY, 'slots'));

/** A wheel that is laid, with calls in its slots and some that have left. */
async function aWheelWithCalls(wheel = OLD) {
  await lay(wheel);
  const { store } = await aRedisStore(server, wheel);
  const track = (id: string) => ({
    id,
    expected: null,
    next: aCall({ id, renewedAt: NOW }),
    tell: 'tracked' as const,
  });
  await store.write([...IDS, ...LEFT].map(track));
  const entries = await store.find(LEFT);
  await store.write(
    LEFT.map((id, i) => ({
      id,
      expected: entries[i]?.version ?? '',
      gone: forget(aCall({ id }), 'ended', NOW + i),
    })),
  );
  return store;
}

async function allCalls(wheel: Wheel) {
  const { store } = await aRedisStore(server, wheel);
  const slots = Array.from({ length: wheel.slots }, (_, slot) => slot);
  const calls = (await Promise.all(slots.map((slot) => store.readSlot(slot)))).flat();
  const gone = (await Promise.all(slots.map((slot) => store.readGone(slot)))).flat();
  return {
    calls: calls.map(({ call }) => call.id).toSorted(),
    gone: gone.map(({ id }) => id).toSorted(),
    find: async (id: string) => (await store.find([id]))[0]?.call ?? null,
    findGone: async (id: string) => (await store.findGone([id]))[0],
    forget: (before: number) => Promise.all(slots.map((slot) => store.forgetGone(slot, before))),
  };
}

const keysOf = async (wheel: Wheel) => server.client.keys(`*/${wheel.slots}:*`);

type Death =
  | 'before it names the new wheel'
  | 'before it deletes the old slots'
  | 'while it deletes the old slots';

/** A connection of a replica that dies: from then on nothing is done any more. */
function dying(redis: RedisClient, death: Death): RedisClient {
  let isDead = false;
  let deletions = 0;
  const isFatal = (command: string, args: unknown[]) => {
    if (command === 'hset')
      return death === 'before it names the new wheel' && args[0] === WHEEL_KEY;
    if (command !== 'unlink' || !String(args[0]).includes(`/${OLD.slots}:`)) return false;
    deletions++;
    return (
      death === 'before it deletes the old slots' ||
      (death === 'while it deletes the old slots' && deletions === 3)
    );
  };
  return new Proxy(redis, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        isDead ||= isFatal(String(name), args);
        return isDead ? Promise.reject(new Error('dead')) : (value.apply(target, args) as unknown);
      };
    },
  });
}

describe('the wheel is laid anew', () => {
  test.each([
    ['with fewer slots', NEW],
    ['with more slots', { intervalMs: 60_000, slots: 64 }],
    ['with one slot', { intervalMs: 60_000, slots: 1 }],
  ])('%s: calls move to the slots they have there, and so do those that left', async (_, to) => {
    await aWheelWithCalls();
    expect(await layAnew(await fast(server), OLD, to)).toBe(true);
    const there = await allCalls(to);
    expect(there.calls).toEqual(IDS);
    expect(there.gone).toEqual(LEFT);
    expect(await there.find(IDS[7] ?? '')).toEqual(aCall({ id: IDS[7] ?? '', renewedAt: NOW }));
    expect(await keysOf(OLD)).toEqual([]);
    expect(await server.client.hmget(WHEEL_KEY, 'intervalMs', 'slots')).toEqual([
      `${to.intervalMs}`,
      `${to.slots}`,
    ]);
    expect(await server.client.exists(LAYING_KEY)).toBe(0);
    await there.forget(NOW + 10);
    expect((await allCalls(to)).gone).toEqual(LEFT.slice(10));
  });

  test('with another interval alone: the calls stay where they are', async () => {
    await aWheelWithCalls();
    expect(await layAnew(await fast(server), OLD, { ...OLD, intervalMs: 60_000 })).toBe(true);
    expect((await allCalls(OLD)).calls).toEqual(IDS);
    expect(await server.client.hget(WHEEL_KEY, 'intervalMs')).toBe('60000');
  });

  test('by one replica at a time', async () => {
    await aWheelWithCalls();
    const redis = await fast(server);
    await server.client.set(LAYING_KEY, 'somebody else');
    expect(await layAnew(redis, OLD, NEW)).toBe(false);
    expect(await laid()).toBe(OLD.slots);
    expect((await allCalls(OLD)).calls).toEqual(IDS);
    expect(await server.client.exists(LAYING_KEY)).toBe(1);
    await server.client.del(LAYING_KEY);
    const both = await Promise.all([
      layAnew(redis, OLD, NEW),
      layAnew(await fast(server), OLD, NEW),
    ]);
    expect(both).toContain(true);
    expect((await allCalls(NEW)).calls).toEqual(IDS);
  });

  test.each<Death>([
    'before it names the new wheel',
    'before it deletes the old slots',
    'while it deletes the old slots',
  ])('again by the next one where a replica dies %s, and no call is lost', async (death) => {
    await aWheelWithCalls();
    const redis = await fast(server);
    await expect(layAnew(dying(redis, death), OLD, NEW)).rejects.toThrow('dead');
    expect(await server.client.pttl(LAYING_KEY)).toBeGreaterThan(0);
    await server.client.del(LAYING_KEY); // it expires
    const named = (await laid()) === NEW.slots ? NEW : OLD;
    expect((await allCalls(named)).calls).toEqual(IDS);
    if (named === OLD) expect(await layAnew(redis, OLD, NEW)).toBe(true);
    const there = await allCalls(NEW);
    expect(there.calls).toEqual(IDS);
    expect(there.gone).toEqual(LEFT);
  });

  test('over what an unfinished laying left behind: what happened on the old wheel since counts', async () => {
    const store = await aWheelWithCalls();
    const redis = await fast(server);
    await expect(layAnew(dying(redis, 'before it names the new wheel'), OLD, NEW)).rejects.toThrow(
      'dead',
    );
    await server.client.del(LAYING_KEY);
    // The old wheel is turned on, as by a deployment that was rolled back.
    const [stopped = '', renewed = ''] = IDS;
    const entries = await store.find([stopped, renewed]);
    await store.write([
      {
        id: stopped,
        expected: entries[0]?.version ?? '',
        gone: forget(aCall({ id: stopped }), 'untracked', NOW),
      },
      {
        id: renewed,
        expected: entries[1]?.version ?? '',
        next: aCall({ id: renewed, renewedAt: NOW + 999 }),
      },
    ]);
    expect(await layAnew(redis, OLD, NEW)).toBe(true);
    const there = await allCalls(NEW);
    expect(there.calls).not.toContain(stopped);
    expect((await there.find(renewed))?.renewedAt).toBe(NOW + 999);
  });

  test('there and back: what an interrupted deletion left behind is not taken for newer', async () => {
    await aWheelWithCalls();
    const redis = await fast(server);
    await expect(
      layAnew(dying(redis, 'before it deletes the old slots'), OLD, NEW),
    ).rejects.toThrow('dead');
    await server.client.del(LAYING_KEY);
    const { store } = await aRedisStore(server, NEW);
    const [stopped = ''] = IDS;
    const [entry] = await store.find([stopped]);
    await store.write([
      {
        id: stopped,
        expected: entry?.version ?? '',
        gone: forget(aCall({ id: stopped }), 'untracked', NOW),
      },
    ]);
    expect(await layAnew(redis, NEW, OLD)).toBe(true);
    expect((await allCalls(OLD)).calls).toEqual(IDS.slice(1));
  });

  test('not from a wheel that is not laid any more: somebody else was faster', async () => {
    await aWheelWithCalls();
    const other: Wheel = { intervalMs: 900_000, slots: 3 };
    expect(await layAnew(await fast(server), OLD, other)).toBe(true);
    await layAnew(await fast(server), OLD, NEW).catch(() => undefined);
    expect((await allCalls((await laid()) === NEW.slots ? NEW : other)).calls).toEqual(IDS);
  });

  test('while nobody joins the old one', async () => {
    await aWheelWithCalls();
    const redis = await fast(server);
    await server.client.set(LAYING_KEY, 'somebody is at it', 'PX', 60_000);
    const late = new Membership({
      redis,
      wheel: OLD,
      replica: 'late',
      believedMs: 60_000,
      onClock: () => undefined,
    });
    const verdict = await late.join().catch(() => null);
    expect(verdict?.kind).not.toBe('joined');
  });
});
