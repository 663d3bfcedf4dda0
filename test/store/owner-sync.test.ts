import { beforeEach, expect, test } from 'vitest';
import { drop, type OwnerRecord } from '../../src/calls/owner.ts';
import { ownerKeys } from '../../src/store/keys.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { OwnerSync } from '../../src/store/owner-sync.ts';
import { OWNERS } from '../../src/store/record-kind.ts';
import { RedisRegistry } from '../../src/store/redis-registry.ts';
import { Registry } from '../../src/store/registry.ts';
import { NOW } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast, silent } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const MOST_REMOVED = 3;
const LEARN_MS = 30_000;

async function aReplica() {
  const redis = await fast(server);
  const local = new LocalRegistry<OwnerRecord>({ kind: OWNERS, slots: 1 });
  const shared = new RedisRegistry({ redis, slots: 1, keysOf: ownerKeys, hasWebhooks: false });
  const registry = new Registry<OwnerRecord>({
    kind: OWNERS,
    local,
    shared,
    isUp: () => true,
    now: () => NOW,
    isStale: () => false,
    onAnnounced: () => undefined,
    onUnreadable: (id) => expect.unreachable(`${id} cannot be read`),
  });
  const sync = new OwnerSync({
    redis,
    replica: 'one',
    holdMs: 60_000,
    registry,
    local,
    shared,
    owners: { inDoubt: () => [] },
    slots: 1,
    keptMs: 60_000,
    mostRemoved: MOST_REMOVED,
    learnMs: LEARN_MS,
    clock: { now: () => NOW, settledNow: () => NOW, sleep: async () => undefined },
    log: silent,
  });
  const dropAt = (id: string, at: number) =>
    registry.update([{ id, decide: (current) => drop(current, at) }]);
  const known = async () => ({
    here: [...local.removed(0).keys()].toSorted(),
    inRedis: (await shared.removedSince(0, 0)).toSorted(),
  });
  return { sync, dropAt, known };
}

test('only the last dropped owners are remembered, by a replica and by Redis', async () => {
  const { sync, dropAt, known } = await aReplica();
  const long = NOW - LEARN_MS - 10;
  for (const [i, name] of ['a', 'b', 'c', 'd', 'a'].entries()) {
    await dropAt(`${name}@app`, long + i);
  }
  for (const _ of [1, 2]) {
    await sync.syncAll();
    const last = ['a@app', 'c@app', 'd@app'];
    expect(await known()).toEqual({ here: last, inRedis: last });
  }
});

test('an owner that was dropped a short while ago is remembered, however many there are', async () => {
  const { sync, dropAt, known } = await aReplica();
  const names = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@app`);
  for (const [i, name] of names.entries()) await dropAt(name, NOW - LEARN_MS + i);
  await sync.syncAll();
  expect(await known()).toEqual({ here: names, inRedis: names });
});
