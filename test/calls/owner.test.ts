import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownerAnnouncementsOf } from '../../src/calls/announcement.ts';
import { correctOwnerFutureTimes, mergeOwners } from '../../src/calls/merge.ts';
import {
  describeOwner,
  drop,
  emptyOwner,
  expireLease,
  OWNER_PATTERN,
  type OwnerRecord,
  ownerId,
  ownerOf,
  ownerRemovedAt,
  ownerState,
  renewal,
  wasLostByMistake,
} from '../../src/calls/owner.ts';
import { MINUTE, NOW, SECOND } from './fixture.ts';

const ID = ownerId({ app: 'default', name: 'bot-7' });
const LEASE_MS = 90 * SECOND;
const GRACE_MS = 10 * MINUTE;
const nobody = emptyOwner(ID);

const add = (record: OwnerRecord, added: OwnerRecord | null) => {
  return added === null ? record : mergeOwners(record, added);
};
const renewedAt = (at: number, record = nobody) => add(record, renewal(record, LEASE_MS, at));
const expiredAt = (now: number, record: OwnerRecord, servedSince = 0) =>
  add(record, expireLease(record, { now, servedSince, graceMs: GRACE_MS }));

describe('an owner', () => {
  test('has no lease until it renews one', () => {
    expect(ownerState(nobody)).toBe('none');
    expect(expireLease(nobody, { now: NOW, servedSince: 0, graceMs: GRACE_MS })).toBeNull();
    expect(ownerState(renewedAt(NOW))).toBe('active');
  });

  test('lapses at the end of its lease, and is lost when the grace has passed as well', () => {
    const active = renewedAt(NOW);
    expect(expiredAt(NOW + LEASE_MS - 1, active)).toEqual(active);
    const lapsed = expiredAt(NOW + LEASE_MS, active);
    expect(ownerState(lapsed)).toBe('lapsed');
    expect(ownerState(expiredAt(NOW + LEASE_MS + GRACE_MS - 1, lapsed))).toBe('lapsed');
    const lost = expiredAt(NOW + LEASE_MS + GRACE_MS, lapsed);
    expect(ownerState(lost)).toBe('lost');
    expect(ownerRemovedAt(lost)).toBe(NOW + LEASE_MS + GRACE_MS);
    expect(expiredAt(NOW + 9 * GRACE_MS, lost)).toEqual(lost);
  });

  test('has the whole grace after a replica saw the lapse, however late that was', () => {
    const lapsed = expiredAt(NOW + 5 * GRACE_MS, renewedAt(NOW));
    expect(ownerState(expiredAt(NOW + 6 * GRACE_MS - 1, lapsed))).toBe('lapsed');
    expect(ownerState(expiredAt(NOW + 6 * GRACE_MS, lapsed))).toBe('lost');
  });

  test('that renews its lease within the grace is active again', () => {
    const lapsed = expiredAt(NOW + LEASE_MS, renewedAt(NOW));
    expect(ownerState(renewedAt(NOW + LEASE_MS + GRACE_MS - 1, lapsed))).toBe('active');
  });

  test('that renews its lease after the grace has a new lease, and its loss stands', () => {
    const lost = expiredAt(NOW + GRACE_MS + LEASE_MS, expiredAt(NOW + LEASE_MS, renewedAt(NOW)));
    const back = renewedAt(NOW + 2 * GRACE_MS, lost);
    expect(ownerState(back)).toBe('active');
    expect(wasLostByMistake(back)).toBe(false);
  });

  test('was lost by mistake if a replica that was cut off had accepted a renewal in time', () => {
    const active = renewedAt(NOW);
    const lost = expiredAt(NOW + GRACE_MS + LEASE_MS, expiredAt(NOW + LEASE_MS, active));
    let cutOff = active;
    for (let at = NOW; at < NOW + 2 * GRACE_MS; at += LEASE_MS / 3) cutOff = renewedAt(at, cutOff);
    for (const merged of [mergeOwners(lost, cutOff), mergeOwners(cutOff, lost)]) {
      expect(ownerState(merged)).toBe('active');
      expect(wasLostByMistake(merged)).toBe(true);
    }
  });

  test('was lost by mistake too if that replica had never heard of its lease before', () => {
    const lost = expiredAt(NOW + GRACE_MS + LEASE_MS, expiredAt(NOW + LEASE_MS, renewedAt(NOW)));
    const cutOff = renewedAt(NOW + GRACE_MS);
    expect(wasLostByMistake(mergeOwners(lost, cutOff))).toBe(true);
  });

  test('was lost by mistake too if it has a new lease when the accepted renewal becomes known', () => {
    const lost = expiredAt(NOW + GRACE_MS + LEASE_MS, expiredAt(NOW + LEASE_MS, renewedAt(NOW)));
    const moved = renewedAt(NOW + GRACE_MS + LEASE_MS + SECOND, lost);
    const cutOff = renewedAt(NOW + GRACE_MS, renewedAt(NOW));
    expect(wasLostByMistake(moved)).toBe(false);
    for (const merged of [mergeOwners(moved, cutOff), mergeOwners(cutOff, moved)]) {
      expect(ownerState(merged)).toBe('active');
      expect(wasLostByMistake(merged)).toBe(true);
    }
  });

  test('does not lapse because of time in which no replica served', () => {
    const servedSince = NOW + 60 * MINUTE;
    const active = renewedAt(NOW);
    expect(expiredAt(servedSince + LEASE_MS - 1, active, servedSince)).toEqual(active);
    const lapsed = expiredAt(NOW + LEASE_MS, active);
    expect(ownerState(expiredAt(servedSince + GRACE_MS - 1, lapsed, servedSince))).toBe('lapsed');
    expect(ownerState(expiredAt(servedSince + GRACE_MS, lapsed, servedSince))).toBe('lost');
  });

  test('that is dropped has no lease, until it renews one again', () => {
    const active = renewedAt(NOW);
    const dropped = add(active, drop(active, NOW));
    expect(ownerState(dropped)).toBe('none');
    expect(ownerRemovedAt(dropped)).toBe(NOW);
    expect(ownerState(renewedAt(NOW, dropped))).toBe('active');
  });

  test('whose renewal lies in the future counts as renewed now: a clock was wrong', () => {
    const at = { now: NOW, skewMs: SECOND, intervalMs: 15 * MINUTE };
    const corrected = correctOwnerFutureTimes(renewedAt(NOW + 60 * MINUTE), at);
    expect(corrected.lease).toMatchObject({ after: 0, renewedAt: NOW });
    expect(correctOwnerFutureTimes(renewedAt(NOW), at)).toEqual(renewedAt(NOW));
    const lapse = { renewedAt: NOW, at: NOW + 60 * MINUTE };
    expect(ownerState(correctOwnerFutureTimes({ ...renewedAt(NOW), lapse }, at))).toBe('active');
  });

  test('is shown with the end of its lease and the time when its calls are stopped', () => {
    const context = { servedSince: NOW - MINUTE, graceMs: GRACE_MS };
    expect(describeOwner(renewedAt(NOW), 3, context)).toEqual({
      app: 'default',
      name: 'bot-7',
      state: 'active',
      tracked: 3,
      renewedAt: NOW,
      leaseMs: LEASE_MS,
      leaseUntil: NOW + LEASE_MS,
      stopsAt: NOW + LEASE_MS + GRACE_MS,
    });
    const lapsed = expiredAt(NOW + LEASE_MS + 5, renewedAt(NOW));
    expect(describeOwner(lapsed, 3, context).stopsAt).toBe(NOW + LEASE_MS + 5 + GRACE_MS);
    const away = { ...context, servedSince: NOW + 60 * MINUTE };
    expect(describeOwner(lapsed, 3, away).leaseUntil).toBe(NOW + LEASE_MS);
    const unserved = { ...context, servedSince: NOW + MINUTE };
    expect(describeOwner(renewedAt(NOW), 3, unserved).leaseUntil).toBe(NOW + MINUTE + LEASE_MS);
    expect(describeOwner(nobody, 3, context)).toMatchObject({ state: 'none', stopsAt: null });
  });
});

describe('the name of an owner', () => {
  test.each(['b', 'bot-7', 'a.b_c:d-9', '...', 'x'.repeat(128)])('may be %s', (name) => {
    expect(name).toMatch(new RegExp(OWNER_PATTERN));
  });

  test.each(['', '.', '..', 'a b', 'a/b', 'a@b', 'ä', 'a\n', 'x'.repeat(129)])(
    'may not be %j',
    (name) => {
      expect(name).not.toMatch(new RegExp(OWNER_PATTERN));
    },
  );

  test('can be read from the id, whatever the app is called', () => {
    for (const app of ['default', 'a@b', 'a/b c', '@']) {
      expect(ownerOf(ownerId({ app, name: 'bot-7' }))).toEqual({ app, name: 'bot-7' });
    }
  });
});

const instant = fc.nat({ max: 6 });
const part = <T>(shape: fc.Arbitrary<T>) => fc.option(shape, { freq: 2 });
const conclusion = part(fc.record({ renewedAt: instant, at: instant }));
const aRecord: fc.Arbitrary<OwnerRecord> = fc.record({
  id: fc.constant(ID),
  lease: part(fc.record({ after: instant, renewedAt: instant, leaseMs: instant })),
  lapse: conclusion,
  loss: conclusion,
  droppedAt: part(instant),
  earlierAt: part(instant),
});

describe('the merge of two records of an owner', () => {
  const RUNS = { numRuns: 3_000 };
  const m = mergeOwners;

  test('does not depend on their order, nor on how often they are merged', () => {
    fc.assert(
      fc.property(aRecord, aRecord, aRecord, (a, b, c) => {
        expect(m(a, b)).toEqual(m(b, a));
        expect(m(m(a, b), c)).toEqual(m(a, m(b, c)));
        expect(m(m(a, b), b)).toEqual(m(a, b));
      }),
      RUNS,
    );
  });

  test('keeps the last renewal, so that an accepted one is never forgotten', () => {
    fc.assert(
      fc.property(aRecord, aRecord, (a, b) => {
        const last = (one: OwnerRecord) =>
          Math.max(one.lease?.renewedAt ?? -1, one.earlierAt ?? -1);
        expect(last(m(a, b))).toBe(Math.max(last(a), last(b)));
      }),
      RUNS,
    );
  });

  test('lets a new renewal count, whatever is known of the owner', () => {
    fc.assert(
      fc.property(aRecord, aRecord, instant, (a, b, now) => {
        const known = m(a, b);
        const conclusions = [known.lapse, known.loss].map((one) => one?.renewedAt ?? -1);
        // Replicas draw conclusions only about renewals that they know.
        const last = Math.max(known.lease?.renewedAt ?? -1, known.earlierAt ?? -1);
        fc.pre(conclusions.every((at) => at <= last));
        fc.pre((known.lease?.after ?? 0) <= (known.loss?.at ?? 0));
        expect(ownerState(m(known, renewal(known, LEASE_MS, now)))).toBe('active');
      }),
      RUNS,
    );
  });
});

describe('what is published about an owner', () => {
  const active = renewedAt(NOW);
  const lapsed = expiredAt(NOW + LEASE_MS, active);
  const lost = expiredAt(NOW + LEASE_MS + GRACE_MS, lapsed);
  const back = renewedAt(NOW + LEASE_MS + 5, lapsed);
  const LATER = NOW + 60 * MINUTE;

  test.each<[string, OwnerRecord, OwnerRecord, object | null]>([
    ['is nothing about its first lease', nobody, active, null],
    ['is nothing about a renewal', active, renewedAt(NOW + 5, active), null],
    [
      'is that its lease lapsed',
      active,
      lapsed,
      { type: 'owner.lapsed', name: `${ID}/${NOW}/owner.lapsed`, at: NOW + LEASE_MS },
    ],
    ['is nothing when it is lost: its calls are published', lapsed, lost, null],
    [
      'is that it renewed its lease within the grace',
      lapsed,
      back,
      { type: 'owner.renewed', name: `${ID}/${NOW}/owner.renewed`, at: NOW + LEASE_MS + 5 },
    ],
    ['is nothing when it has a new lease after it was lost', lost, renewedAt(LATER, lost), null],
  ])('%s', (_, before, after, expected) => {
    expect(ownerAnnouncementsOf(before, after, LATER)).toEqual(expected === null ? [] : [expected]);
  });
});
