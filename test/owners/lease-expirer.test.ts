import { beforeEach, describe, expect, test } from 'vitest';
import { stopOf } from '../../src/calls/call.ts';
import { newGeneration } from '../../src/calls/generation.ts';
import { mergeOwners } from '../../src/calls/merge.ts';
import {
  drop,
  emptyOwner,
  type OwnerRecord,
  ownerId,
  ownerState,
  renewal,
} from '../../src/calls/owner.ts';
import { type CallRecord, emptyRecord, stateOf } from '../../src/calls/record.ts';
import { LeaseExpirer } from '../../src/owners/lease-expirer.ts';
import { ownerKeys, slotKeys } from '../../src/store/keys.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { LocalOwnedCalls } from '../../src/store/owned-calls.ts';
import { needsLeaseCheck } from '../../src/store/owner-codec.ts';
import { CALLS, OWNERS, type RecordKind } from '../../src/store/record-kind.ts';
import { RedisRegistry } from '../../src/store/redis-registry.ts';
import { Registry } from '../../src/store/registry.ts';
import { aCall, idsIn, MINUTE, NOW, recordOf, SECOND, WHEEL } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast } from '../store/fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const BOT = ownerId({ app: 'default', name: 'bot-7' });
const LEASE_MS = 90 * SECOND;
const GRACE_MS = 10 * MINUTE;
const SKEW_MS = 15 * SECOND;

/** An expirer over registries in a real Redis, whose clock the test moves. */
async function anExpirer() {
  const at = { now: NOW };
  const clock = { now: () => at.now, settledNow: () => at.now, sleep: async () => undefined };
  const redis = await fast(server);
  const localCalls = new LocalRegistry({
    kind: CALLS,
    slots: WHEEL.slots,
  });
  const localOwners = new LocalRegistry<OwnerRecord>({
    kind: OWNERS,
    slots: 1,
    skew: () => ({ now: at.now, skewMs: SKEW_MS, intervalMs: 15 * MINUTE }),
  });
  const common = {
    isUp: () => true,
    now: clock.now,
    isStale: () => false,
    onAnnounced: () => undefined,
    onUnreadable: (id: string) => expect.unreachable(`${id} cannot be read`),
  };
  const inRedis = (slots: number, keysOf: typeof slotKeys) =>
    new RedisRegistry({ redis, slots, keysOf, hasWebhooks: false });
  const registry = <R extends { id: string }>(
    kind: RecordKind<R>,
    local: LocalRegistry<R>,
    shared: RedisRegistry,
  ) => new Registry<R>({ ...common, kind, local, shared });
  const calls = registry(CALLS, localCalls, inRedis(WHEEL.slots, slotKeys));
  const owners = registry(OWNERS, localOwners, inRedis(1, ownerKeys));
  const owned = new LocalOwnedCalls(localCalls, WHEEL.slots);
  const lost: [string, number][] = [];
  const expirer = new LeaseExpirer({
    owners,
    suspects: function* (now) {
      for (const [id, text] of localOwners.tracked(0)) {
        if (needsLeaseCheck(text, now, SKEW_MS)) yield localOwners.get(id);
      }
      for (const id of owned.owners()) if (localOwners.isRemoved(id)) yield localOwners.get(id);
    },
    calls,
    owned,
    clock,
    skewMs: SKEW_MS,
    leaseContext: () => ({ servedSince: 0, graceMs: GRACE_MS }),
    onLost: ({ id }, count) => void lost.push([id, count]),
  });
  const own = (change: (current: OwnerRecord) => OwnerRecord) =>
    owners.update([{ id: BOT, decide: change }]);
  const renew = () => own((current) => renewal(current, LEASE_MS, at.now));
  const track = async (ids: readonly string[], owner: string | null = 'bot-7') => {
    const generation = newGeneration({ now: at.now, random: () => 0.5 }, emptyRecord(BOT));
    const add = (id: string) => recordOf(aCall({ id, owner, generation, trackedAt: at.now }));
    await calls.update(ids.map((id) => ({ id, decide: () => add(id) })));
  };
  const reasons = (ids: readonly string[]) =>
    ids.map((id) => {
      const record: CallRecord = localCalls.get(id);
      return stateOf(record) === 'tracked' ? 'tracked' : stopOf(record)?.reason;
    });
  /** Lets the lease lapse and the grace pass, with a pass after each. */
  const lose = async (goesOn?: () => Promise<boolean>) => {
    at.now += LEASE_MS;
    await expirer.pass();
    at.now += GRACE_MS;
    await expirer.pass(goesOn);
  };
  return {
    at,
    expirer,
    owners,
    own,
    renew,
    track,
    reasons,
    lose,
    lost,
    state: () => owners.get(BOT),
  };
}

const [ONE = '', TWO = '', THREE = ''] = idsIn(3, 3);

describe('the lease expirer', () => {
  test('stops the calls of a lost owner, and none of others', async () => {
    const { renew, track, reasons, lose, lost } = await anExpirer();
    await renew();
    await track([ONE]);
    await track([TWO], 'bot-8');
    await track([THREE], null);
    await lose();
    expect(reasons([ONE, TWO, THREE])).toEqual(['owner-lost', 'tracked', 'tracked']);
    expect(lost).toEqual([[BOT, 1]]);
  });

  test('stops no call that was tracked after the loss, and reports none', async () => {
    const { at, expirer, renew, track, reasons, lose, lost } = await anExpirer();
    await renew();
    await lose();
    at.now += SECOND;
    await track([ONE]);
    await expirer.pass();
    expect(reasons([ONE])).toEqual(['tracked']);
    expect(lost).toEqual([]);
  });

  test('stops a call whose word lies in the future: a clock was ahead', async () => {
    const { at, renew, track, reasons, lose } = await anExpirer();
    at.now = NOW + 24 * 60 * MINUTE;
    await track([ONE]);
    at.now = NOW;
    await renew();
    await lose();
    expect(reasons([ONE])).toEqual(['owner-lost']);
  });

  test('leaves the calls to another replica once that one holds the lock', async () => {
    const { expirer, renew, track, reasons, lose, lost, state } = await anExpirer();
    await renew();
    await track([ONE]);
    await lose(async () => false);
    expect(ownerState(state())).toBe('lost');
    expect([reasons([ONE]), lost]).toEqual([['tracked'], []]);
    await expirer.pass();
    expect(reasons([ONE])).toEqual(['owner-lost']);
  });

  test('stops nothing of an owner that turns out to be alive in the middle', async () => {
    const { renew, track, reasons, lose } = await anExpirer();
    await renew();
    await track([ONE]);
    await lose(async () => {
      await renew();
      return true;
    });
    expect(reasons([ONE])).toEqual(['tracked']);
  });

  test('stops calls of a dropped owner that the replica which dropped it did not know', async () => {
    const { at, expirer, own, renew, track, reasons, lost } = await anExpirer();
    await renew();
    await track([ONE]);
    at.now += SECOND;
    await own((current) => drop(current, at.now));
    at.now += SECOND;
    await track([TWO]);
    await expirer.pass();
    expect(reasons([ONE, TWO])).toEqual(['request', 'tracked']);
    expect(lost).toEqual([]);
  });

  test('takes a loss back that was a mistake, and may find the owner lost again', async () => {
    const { owners, expirer, renew, track, reasons, lose, state } = await anExpirer();
    await renew();
    const before = state();
    await track([ONE]);
    await lose();
    expect(reasons([ONE])).toEqual(['owner-lost']);
    const late = mergeOwners(before, renewal(before, LEASE_MS, NOW + LEASE_MS + GRACE_MS - 1));
    await owners.update([{ id: BOT, decide: () => late }]);
    await expirer.pass();
    expect(reasons([ONE])).toEqual(['tracked']);
    await lose();
    expect(reasons([ONE])).toEqual(['owner-lost']);
  });

  test('corrects a renewal that a clock was ahead of, so that it lapses one day', async () => {
    const { at, expirer, renew, state } = await anExpirer();
    at.now = NOW + 60 * MINUTE;
    await renew();
    at.now = NOW;
    await expirer.pass();
    at.now += LEASE_MS;
    await expirer.pass();
    expect(ownerState(state())).toBe('lapsed');
  });

  test('ignores an unknown owner', async () => {
    const { expirer, owners } = await anExpirer();
    await expirer.pass();
    expect(owners.get(BOT)).toEqual(emptyOwner(BOT));
  });
});
