import { beforeEach, expect, test } from 'vitest';
import { Diary } from '../../src/overview/diary.ts';
import { Diaries } from '../../src/store/diaries.ts';
import { REPLICAS_KEY } from '../../src/store/keys.ts';
import { aCall, aRemovedCall, DEADLINE_MS, idIn, NOW, recordOf, WHEEL } from '../calls/fixture.ts';
import { clusterForFile } from '../redis/redis-cluster.ts';
import { aReplica, events, fast } from './fixture.ts';

const cluster = clusterForFile();
beforeEach(() => cluster.flush());

const SLOTS = Array.from({ length: WHEEL.slots }, (_, slot) => slot);
const IDS = SLOTS.map((slot) => idIn(slot));
const RENEWED = { kind: 'renewed', sentAt: NOW } as const;
const tracked = IDS.map((id) => recordOf(aCall({ id })));
const toldOf = async () => (await events(cluster)).map(({ type, id }) => `${type} ${id}`);

test('all keys of the wheel are on one node of a Cluster', async () => {
  const { add } = await aReplica(cluster);
  await add(...tracked);
  const nodes = await Promise.all((await cluster.masters()).map((node) => node.client.dbsize()));
  // A hash a slot, and the events.
  expect(nodes.toSorted((a, b) => a - b)).toEqual([0, 0, SLOTS.length + 1]);
});

test('in a Cluster calls of all slots are written at once, each with its event', async () => {
  const { add, stored, registry } = await aReplica(cluster);
  const changed = await add(...tracked);
  expect(changed.map(({ kind }) => kind)).toEqual(IDS.map(() => 'stored'));
  expect((await toldOf()).toSorted()).toEqual(IDS.map((id) => `tracked ${id}`).toSorted());
  const [one = ''] = IDS;
  await add(recordOf(aRemovedCall({ id: one })));
  expect((await toldOf()).at(-1)).toBe(`ended ${one}`);
  expect(await stored(one)).toBe('ended');
  expect(await registry.readSlot(0, 'removed')).toMatchObject([{ id: one }]);
});

test('a Cluster that has lost its data gets it back from a replica', async () => {
  const { add, sync, stored } = await aReplica(cluster);
  await add(...tracked);
  await cluster.flush();
  expect((await sync()).lost).toBe(IDS.length);
  for (const id of IDS) expect(await stored(id)).toBe('tracked');
});

test('the replicas tell each other of their work in a Cluster too', async () => {
  const redis = await fast(cluster);
  await redis.zadd(REPLICAS_KEY, 1, 'a', 1, 'b');
  const [a, b] = ['a', 'b'].map((replica) => {
    const diary = new Diary({
      replica,
      version: '1',
      wheel: WHEEL,
      deadlineMs: DEADLINE_MS,
      clock: { now: () => NOW },
    });
    const options = { slots: { timing: () => null }, log: { debug: () => undefined } };
    return { diary, diaries: new Diaries({ ...options, redis, replica, diary }) };
  });
  b?.diary.attempted(aCall(), RENEWED);
  await b?.diaries.exchange();
  await a?.diaries.exchange();
  expect((await a?.diaries.pages())?.others).toMatchObject([
    { replica: 'b', version: '1', cells: [{ app: 'default' }] },
  ]);
});
