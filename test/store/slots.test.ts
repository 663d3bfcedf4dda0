import { beforeEach, describe, expect, test } from 'vitest';
import { emptyRecord } from '../../src/calls/record.ts';
import { slotKeys } from '../../src/store/keys.ts';
import { RegistrySlots } from '../../src/store/slots.ts';
import { aCall, aRemovedCall, idIn, MINUTE, NOW, recordOf, WHEEL } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { aReplica, LATER } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const SLOT = 3;
const [ONE, TWO, THREE] = [idIn(SLOT, 0), idIn(SLOT, 1), idIn(SLOT, 2)];
const REMEMBER_MS = 10 * MINUTE;
const keys = slotKeys(SLOT, WHEEL.slots);
const tracked = (id: string) => recordOf(aCall({ id, renewedAt: NOW + 1 }));

async function someSlots() {
  const replica = await aReplica(server);
  const { registry, local, shared, link } = replica;
  const lost: number[] = [];
  const time = { now: NOW };
  const slots = new RegistrySlots({
    registry,
    local,
    shared,
    isUp: () => link.up,
    rememberMs: REMEMBER_MS,
    clock: { now: () => time.now, settledNow: () => LATER },
  });
  slots.on('lost', (calls) => void lost.push(calls));
  const ids = async (slot = SLOT) => [...(await slots.read(slot))].map(([id]) => id).toSorted();
  return { ...replica, slots, ids, lost, time };
}

describe('a slot', () => {
  test('is read with what other replicas have written to Redis', async () => {
    const other = await aReplica(server);
    await other.add(tracked(ONE), tracked(idIn(SLOT + 1)));
    const { slots, ids } = await someSlots();
    expect(await ids()).toEqual([ONE]);
    const [[id, timing] = []] = [...(await slots.read(SLOT))];
    expect([id, timing]).toMatchObject([ONE, { trackedAt: NOW, renewedAt: NOW + 1 }]);
    expect(slots.timing(ONE)).toEqual(timing);
    await other.add(recordOf(aRemovedCall({ id: ONE, removedAt: NOW + 2 })));
    expect(await ids()).toEqual([]);
    expect([slots.timing(ONE), slots.timing(TWO)]).toEqual([null, null]);
  });

  test('is read afresh by each iteration, without asking Redis again', async () => {
    const { slots, add } = await someSlots();
    const calls = await slots.read(SLOT);
    expect([...calls]).toEqual([]);
    await add(tracked(ONE));
    expect([...calls].map(([id]) => id)).toEqual([ONE]);
  });

  test('is not read from Redis again if the last sync is recent enough', async () => {
    const other = await aReplica(server);
    const { slots, ids, time } = await someSlots();
    await ids();
    await other.add(tracked(ONE));
    const known = async (since: number) => [...(await slots.read(SLOT, since))].length;
    expect(await known(NOW)).toBe(0);
    time.now -= 1; // set back: the sync seems to be in the future
    expect(await known(NOW - 1)).toBe(1);
    await other.add(tracked(TWO));
    expect(await known(NOW)).toBe(2);
  });

  test('that Redis has lost is brought back, and counted', async () => {
    const { local, ids, lost, stored } = await someSlots();
    for (const id of [ONE, TWO]) local.merge(tracked(id));
    expect(await ids()).toEqual([ONE, TWO].toSorted());
    expect(await stored(ONE)).toBe('tracked');
    await ids();
    expect(lost).toEqual([2]);
  });

  test('is read from memory while Redis does not answer', async () => {
    const { local, link, redis, ids, lost } = await someSlots();
    local.merge(tracked(ONE));
    link.up = false;
    expect(await ids()).toEqual([ONE]);
    link.up = true;
    redis.disconnect();
    expect(await ids()).toEqual([ONE]);
    expect(lost).toEqual([]);
  });

  test('is read from memory while its keys in Redis are not ours', async () => {
    const { local, ids } = await someSlots();
    local.merge(tracked(ONE));
    await server.client.set(keys.tracked, 'no hash');
    expect(await ids()).toEqual([ONE]);
  });
});

describe('pruning', () => {
  test('forgets in Redis what was removed before an instant, and here after a shorter while', async () => {
    const { slots, add, local, shared } = await someSlots();
    await add(
      recordOf(aRemovedCall({ id: ONE, removedAt: NOW - 60 * MINUTE })),
      recordOf(aRemovedCall({ id: TWO, removedAt: NOW - 20 * MINUTE })),
      recordOf(aRemovedCall({ id: THREE, removedAt: NOW })),
    );
    await slots.prune(SLOT, NOW - 30 * MINUTE);
    expect(await shared.removedSince(SLOT, 0)).toEqual([TWO, THREE]);
    expect([...local.removed(SLOT).keys()]).toEqual([THREE]);
  });

  test('keeps here what Redis does not know yet', async () => {
    const { slots, add, link, local, registry, stored } = await someSlots();
    link.up = false;
    await add(recordOf(aRemovedCall({ id: ONE, removedAt: NOW - 60 * MINUTE })));
    await slots.prune(SLOT, NOW - 30 * MINUTE);
    expect([...local.removed(SLOT).keys()]).toEqual([ONE]);
    link.up = true;
    await registry.flush();
    expect(await stored(ONE)).toBe('ended');
    await slots.prune(SLOT, NOW - 30 * MINUTE);
    expect([registry.get(ONE), await stored(ONE)]).toEqual([emptyRecord(ONE), null]);
  });
});
