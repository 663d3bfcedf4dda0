import { beforeEach, expect, test } from 'vitest';
import { forget } from '../../src/calls/call.ts';
import type { Change } from '../../src/calls/ports.ts';
import { slotOf } from '../../src/calls/wheel.ts';
import { REPLICAS_KEY } from '../../src/store/keys.ts';
import { Shares } from '../../src/store/shares.ts';
import { aCall, idIn, NOW, WHEEL } from '../calls/fixture.ts';
import { clusterForFile } from '../redis/redis-cluster.ts';
import { behavesAsStore } from './conformance.ts';
import { aRedisStore, DONE, events, fast } from './fixture.ts';

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
const toldOf = async () => (await events(cluster)).map(({ type, id }) => `${type} ${id}`);

test('all keys of the wheel are on one node of a Cluster', async () => {
  const { store } = await aRedisStore(cluster);
  const ids = SLOTS.map((slot) => idIn(slot));
  await store.write(ids.map(track));
  const nodes = await Promise.all((await cluster.masters()).map((node) => node.client.dbsize()));
  // A hash a slot, and the events.
  expect(nodes.toSorted((a, b) => a - b)).toEqual([0, 0, SLOTS.length + 1]);
});

test('in a Cluster an event is in the stream when its change is written', async () => {
  const { store } = await aRedisStore(cluster);
  const ids = SLOTS.map((slot) => idIn(slot));
  expect(await store.write(ids.map(track))).toEqual(ids.map(() => DONE));
  expect((await toldOf()).toSorted()).toEqual(ids.map((id) => `tracked ${id}`).toSorted());
  const [one = ''] = ids;
  const version = (await store.find([one]))[0]?.version ?? '';
  await store.write([
    { id: one, expected: version, gone: forget(aCall({ id: one }), 'ended', NOW) },
  ]);
  await store.restore(slotOf(one, WHEEL), [aCall({ id: one, registration: 'r9' })]);
  expect((await toldOf()).slice(-2)).toEqual([`ended ${one}`, `restored ${one}`]);
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
