import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { forget } from '../../src/calls/call.ts';
import { pieces } from '../../src/calls/pieces.ts';
import type { Change } from '../../src/calls/ports.ts';
import { slotOf } from '../../src/calls/wheel.ts';
import { encodeCall } from '../../src/store/codec.ts';
import { EVENTS_KEPT, EVENTS_KEY, REPLICAS_KEY, slotKeys } from '../../src/store/keys.ts';
import { Outbox, type OutboxOptions } from '../../src/store/outbox.ts';
import { Shares } from '../../src/store/shares.ts';
import { aCall, aGoneCall, idIn, NOW, WHEEL } from '../calls/fixture.ts';
import { clusterForFile } from '../redis/redis-cluster.ts';
import { behavesAsStore } from './conformance.ts';
import { aRedisStore, DONE, events, fast, SOON } from './fixture.ts';

const cluster = clusterForFile();
beforeEach(() => cluster.flush());

behavesAsStore('the registry in a Cluster', async () => {
  await cluster.flush();
  return (await aRedisStore(cluster)).store;
});

const SLOTS = Array.from({ length: WHEEL.slots }, (_, slot) => slot);
const track = (id: string): Change => ({
  id,
  expected: null,
  next: aCall({ id }),
  tell: 'tracked',
});
const outboxes = () =>
  Promise.all(SLOTS.map((slot) => cluster.client.xlen(slotKeys(slot, WHEEL.slots).outbox)));
const toldOf = async () => (await events(cluster)).map(({ type, id }) => `${type} ${id}`);

test('the slots of the wheel are spread over all masters', async () => {
  const masters = await Promise.all(
    SLOTS.map((slot) => cluster.masterOf(slotKeys(slot, WHEEL.slots).calls)),
  );
  expect(new Set(masters).size).toBe(3);
});

test('the replicas tell each other of their work in a Cluster too', async () => {
  const redis = await fast(cluster);
  await redis.zadd(REPLICAS_KEY, 1, 'a', 1, 'b');
  const options = { redis, version: '1', windowMs: 1_000, believedMs: 60_000, elapsedMs: () => 0 };
  const [a, b] = ['a', 'b'].map((replica) => new Shares({ ...options, replica }));
  b?.count();
  await b?.exchange();
  await a?.exchange();
  expect(a?.others).toEqual([{ replica: 'b', version: '1', keepAlives: 1 }]);
});

describe('in a Cluster an event', () => {
  test('comes into the one stream of all slots, once, and leaves its outbox', async () => {
    const { store } = await aRedisStore(cluster);
    const ids = SLOTS.map((slot) => idIn(slot));
    expect(await store.write(ids.map(track))).toEqual(ids.map(() => DONE));
    const [one = ''] = ids;
    const version = (await store.find([one]))[0]?.version ?? '';
    await store.write([
      { id: one, expected: version, gone: forget(aCall({ id: one }), 'ended', NOW) },
    ]);
    await store.restore(slotOf(one, WHEEL), [aCall({ id: one, registration: 'r9' })]);
    await store.told();
    expect((await toldOf()).toSorted()).toEqual(
      [...ids.map((id) => `tracked ${id}`), `ended ${one}`, `restored ${one}`].toSorted(),
    );
    expect((await toldOf()).filter((told) => told.endsWith(one))).toEqual([
      `tracked ${one}`,
      `ended ${one}`,
      `restored ${one}`,
    ]);
    await vi.waitFor(async () => expect(await outboxes()).toEqual(SLOTS.map(() => 0)), SOON);
  });

  test('has an id of its own, which no other has', async () => {
    const { store } = await aRedisStore(cluster);
    await store.write(SLOTS.map((slot) => track(idIn(slot))));
    await store.told();
    const entries = await cluster.client.xrange(EVENTS_KEY, '-', '+');
    for (const [, fields] of entries) expect(fields[6]).toBe('event');
    expect(new Set(entries.map(([, fields]) => fields[7])).size).toBe(SLOTS.length);
  });

  test('waits in its outbox while the stream cannot be had, and the change counts all the same', async () => {
    const { store } = await aRedisStore(cluster);
    await cluster.client.set(EVENTS_KEY, 'no stream');
    expect(await store.write([track(idIn(3))])).toEqual([DONE]);
    await store.told();
    expect((await outboxes())[3]).toBe(1);
  });

  test('that others have left behind is forwarded by the next reader of the slot', async () => {
    const { outbox } = slotKeys(3, WHEEL.slots);
    const call = encodeCall(aGoneCall({ id: idIn(3) }));
    const { store } = await aRedisStore(cluster);
    // Long ago, by the clock of the node; and one of just now, whose writer may be about to.
    await cluster.client.xadd(outbox, '1000-5', 'type', 'ended', 'id', idIn(3), 'call', call);
    await cluster.client.xadd(outbox, '*', 'type', 'ended', 'id', idIn(3, 1), 'call', call);
    await Promise.all([store.readSlot(3), (await aRedisStore(cluster)).store.readSlot(3)]);
    await store.told();
    await vi.waitFor(async () => {
      expect(await toldOf()).toEqual([`ended ${idIn(3)}`, `ended ${idIn(3, 1)}`]);
    }, SOON);
    expect((await events(cluster))[0]?.call).toBe(call);
    const fields = (await cluster.client.xrange(EVENTS_KEY, '-', '+'))[0]?.[1];
    expect(fields?.[7]).toBe(`3/${WHEEL.slots}:1000-5`);
    await vi.waitFor(async () => expect(await cluster.client.xlen(outbox)).toBe(0), SOON);
  });
});

describe('an outbox', () => {
  const HASTY = { passedOn: () => Promise.resolve(), leftAfterMs: 500 };

  async function anOutbox(options: OutboxOptions) {
    const redis = await fast(cluster);
    return { redis, outbox: new Outbox(redis, WHEEL.slots, options) };
  }

  /** As a script writes it beside its slot. */
  async function anEvent(slot: number, id = idIn(slot)) {
    const told = { type: 'tracked', id, call: encodeCall(aCall({ id })) };
    const fields = Object.entries(told).flat();
    const { outbox } = slotKeys(slot, WHEEL.slots);
    return { ...told, entryId: (await cluster.client.xadd(outbox, '*', ...fields)) ?? '' };
  }

  const isTold = (...ids: string[]) =>
    vi.waitFor(async () => expect(await toldOf()).toEqual(ids.map((id) => `tracked ${id}`)), SOON);

  test('keeps an event until the stream has had it for a while, and gives it again if it has not', async () => {
    const passedOn = Promise.withResolvers<void>();
    const { outbox } = await anOutbox({ passedOn: () => passedOn.promise });
    outbox.add(3, await anEvent(3));
    await isTold(idIn(3));
    outbox.add(5, await anEvent(5));
    await isTold(idIn(3), idIn(5));
    expect([(await outboxes())[3], (await outboxes())[5]]).toEqual([1, 1]);
    // As a node would that died before it passed the one on, but not the other.
    const [[entryId = ''] = []] = await cluster.client.xrange(EVENTS_KEY, '-', '+');
    await cluster.client.xdel(EVENTS_KEY, entryId);
    passedOn.resolve();
    await outbox.settled();
    expect(await toldOf()).toEqual([`tracked ${idIn(5)}`, `tracked ${idIn(3)}`]);
    expect(await outboxes()).toEqual(SLOTS.map(() => 0));
  });

  test('does not give an event again that the stream has dropped for newer ones', async () => {
    const passedOn = Promise.withResolvers<void>();
    const { redis, outbox } = await anOutbox({ passedOn: () => passedOn.promise });
    outbox.add(3, await anEvent(3));
    await isTold(idIn(3));
    const newer = Array.from({ length: EVENTS_KEPT }, (_, i) => [
      'tracked',
      `${i}`,
      '',
      `0/0:${i}`,
    ]);
    for (const some of pieces(newer, 500)) {
      await redis.appendEvents(EVENTS_KEY, EVENTS_KEPT, ...some.flat());
    }
    await cluster.client.xtrim(EVENTS_KEY, 'MAXLEN', EVENTS_KEPT);
    expect((await outboxes())[3]).toBe(1);
    passedOn.resolve();
    await outbox.settled();
    expect(await cluster.client.xlen(EVENTS_KEY)).toBe(EVENTS_KEPT);
    expect(await toldOf()).not.toContain(`tracked ${idIn(3)}`);
    expect(await outboxes()).toEqual(SLOTS.map(() => 0));
  });

  test('keeps what the stream does not take, and gives it when it does', async () => {
    const { outbox } = await anOutbox(HASTY);
    await cluster.client.set(EVENTS_KEY, 'no stream');
    outbox.add(3, await anEvent(3));
    await outbox.settled();
    expect((await outboxes())[3]).toBe(1);
    await cluster.client.del(EVENTS_KEY);
    await isTold(idIn(3));
    await vi.waitFor(async () => expect(await outboxes()).toEqual(SLOTS.map(() => 0)), SOON);
  });

  test('gives all that was left there, however much, and what is new meanwhile', async () => {
    const { outbox } = await anOutbox(HASTY);
    const { outbox: key } = slotKeys(3, WHEEL.slots);
    const left = Array.from({ length: 1_200 }, (_, i) => `1000-${i + 1}`);
    for (const entryId of left) {
      await cluster.client.xadd(key, entryId, 'type', 'tracked', 'id', entryId, 'call', '');
    }
    await outbox.sweep(3);
    await anEvent(5);
    await outbox.sweep(5);
    await vi.waitFor(async () => expect(await outboxes()).toEqual(SLOTS.map(() => 0)), SOON);
    const told = await toldOf();
    expect(told.toSorted()).toEqual([idIn(5), ...left].map((id) => `tracked ${id}`).toSorted());
  });

  test('is for one reader at a time', async () => {
    const { outbox } = slotKeys(3, WHEEL.slots);
    await cluster.client.xadd(outbox, '1000-5', 'type', 'tracked', 'id', idIn(3), 'call', '');
    const passedOn = Promise.withResolvers<void>();
    const options = { passedOn: () => passedOn.promise, leftAfterMs: 60_000 };
    const readers = await Promise.all(Array.from({ length: 4 }, () => anOutbox(options)));
    await Promise.all(readers.map((reader) => reader.outbox.sweep(3)));
    await isTold(idIn(3));
    passedOn.resolve();
    await Promise.all(readers.map((reader) => reader.outbox.settled()));
    expect(await toldOf()).toEqual([`tracked ${idIn(3)}`]);
    expect(await cluster.client.xlen(outbox)).toBe(0);
  });

  test('does not give an event again and again that cannot be taken out of it', async () => {
    const { outbox } = await anOutbox(HASTY);
    const told = await anEvent(3);
    const master = await cluster.masterOf(slotKeys(3, WHEEL.slots).outbox);
    const refuse = (replicas: number) =>
      master.client.config('SET', 'min-replicas-to-write', replicas);
    await refuse(9);
    onTestFinished(async () => {
      await refuse(0);
    });
    outbox.add(3, told);
    await isTold(idIn(3));
    await outbox.settled();
    await sleep(2 * HASTY.leftAfterMs);
    for (let i = 0; i < 10; i++) await outbox.sweep(3);
    await outbox.settled();
    expect(await toldOf()).toEqual([`tracked ${idIn(3)}`]);
    await refuse(0);
    await vi.waitFor(async () => {
      await outbox.sweep(3);
      expect(await outboxes()).toEqual(SLOTS.map(() => 0));
    }, SOON);
  });
});
