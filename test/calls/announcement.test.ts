import { describe, expect, test } from 'vitest';
import { announcementsOf } from '../../src/calls/announcement.ts';
import { merge } from '../../src/calls/merge.ts';
import { ALL_APPS, type CallRecord, emptyRecord, type Stop } from '../../src/calls/record.ts';
import { inTenant } from '../../src/calls/record-changes.ts';
import { aCall, anError, aRemovedCall, MINUTE, NOW, recordOf } from './fixture.ts';

const ID = 'call-0001';
const LATER = NOW + MINUTE;
const unknown = emptyRecord(ID);
const tracked = recordOf(aCall({ renewedAt: NOW }));
const again = (over: object = {}) => recordOf(aCall({ renewedAt: NOW, generation: 'r2', ...over }));
const atRisk = (over: object = {}) => {
  const failing = { consecutiveFailures: 2, failedAt: NOW + 20, retryAt: NOW + 30 };
  return recordOf(aCall({ renewedAt: NOW, ...failing, atRiskAt: NOW + 10, ...over }));
};
const stop: Stop = { generation: 'r3', at: NOW + 5, reason: 'request', resultInfo: null };

/** What is published when `added` becomes known, `at` later. */
const announce = (before: CallRecord, added: CallRecord) =>
  announcementsOf(before, merge(before, added), LATER);

describe('what is published', () => {
  test.each<[string, CallRecord, CallRecord, object | null, object?]>([
    [
      'is that a new call is tracked',
      unknown,
      tracked,
      { type: 'tracked', name: `${ID}/r1/tracked`, at: LATER },
    ],
    [
      'is that a call is tracked again with another word',
      tracked,
      again({ labels: { a: 'b' } }),
      { type: 'tracked', name: `${ID}/r2/tracked`, at: LATER },
    ],
    ['is nothing when the bot repeats itself', tracked, again(), null],
    ['is nothing when nothing has changed', tracked, tracked, null],
    ['is nothing about a renewal', tracked, { ...unknown, renewedAt: LATER }, null],
    [
      'is that a removed call is tracked again, also with the same word',
      recordOf(aRemovedCall()),
      recordOf(aCall({ generation: 'r2' })),
      { type: 'tracked', name: `${ID}/r2/tracked`, at: LATER },
    ],
    [
      'is nothing about the stop of a call that nobody knows',
      unknown,
      { ...unknown, stops: { [ALL_APPS]: stop } },
      null,
    ],
    [
      'is that a call was stopped, and when',
      tracked,
      { ...unknown, stops: { [ALL_APPS]: stop } },
      { type: 'untracked', name: `${ID}/r1/untracked`, at: NOW + 5 },
    ],
    [
      'is that a call was stopped, once it is known',
      { ...unknown, stops: { [ALL_APPS]: stop } },
      tracked,
      { type: 'untracked', name: `${ID}/r1/untracked`, at: NOW + 5 },
    ],
    [
      'is nothing about a second stop',
      recordOf(aRemovedCall({ state: 'untracked' })),
      { ...unknown, stops: { [ALL_APPS]: stop } },
      null,
    ],
    [
      'is nothing about the stop of a call that Graph has ended',
      recordOf(aRemovedCall()),
      { ...unknown, stops: { [ALL_APPS]: stop } },
      null,
    ],
    [
      'is that a call has ended, also if Redis did not know of it',
      unknown,
      recordOf(aRemovedCall({ removedAt: NOW + 7 })),
      { type: 'ended', name: `${ID}/r1/ended`, at: NOW + 7 },
    ],
    [
      'is that a call has expired, with the renewal that it expired for',
      tracked,
      { ...unknown, expiry: { generation: 'r1', renewedAt: NOW, at: NOW + 7 } },
      { type: 'expired', name: `${ID}/r1/expired/${NOW}`, at: NOW + 7 },
    ],
    [
      'is that a call which was given up is tracked, when somebody has renewed it',
      recordOf(aRemovedCall({ state: 'expired', renewedAt: NOW })),
      { ...unknown, renewedAt: NOW + 8 },
      { type: 'tracked', name: `${ID}/r1/tracked/${NOW + 8}`, at: LATER },
    ],
    [
      'is that a call is at risk, and since when',
      tracked,
      atRisk(),
      { type: 'at-risk', name: `${ID}/r1/at-risk/${NOW}`, at: NOW + 10 },
    ],
    [
      'is nothing when a call at risk fails again',
      atRisk(),
      atRisk({ failedAt: NOW + 40, consecutiveFailures: 3 }),
      null,
    ],
    [
      'is that a call at risk has recovered',
      atRisk(),
      { ...unknown, renewedAt: LATER },
      { type: 'recovered', name: `${ID}/r1/recovered/${NOW}`, at: LATER },
    ],
    [
      'is nothing when a failing call that is not at risk is renewed',
      atRisk({ atRiskAt: null }),
      { ...unknown, renewedAt: LATER },
      null,
    ],
    [
      'is that a call at risk has ended, and not that it has recovered',
      atRisk(),
      {
        ...unknown,
        ending: { generation: 'r1', sentAt: LATER, at: LATER, error: anError({ status: 404 }) },
      },
      { type: 'ended', name: `${ID}/r1/ended`, at: LATER },
    ],
    [
      'is that a call is tracked and at risk, if Redis had lost it',
      unknown,
      atRisk(),
      { type: 'tracked', name: `${ID}/r1/tracked`, at: LATER },
      { type: 'at-risk', name: `${ID}/r1/at-risk/${NOW}`, at: NOW + 10 },
    ],
    [
      'is that a call was changed and is at risk, if both happened while Redis was out',
      tracked,
      atRisk({ generation: 'r2', labels: { a: 'b' } }),
      { type: 'tracked', name: `${ID}/r2/tracked`, at: LATER },
      { type: 'at-risk', name: `${ID}/r2/at-risk/${NOW}`, at: NOW + 10 },
    ],
    [
      'is that a call at risk was changed and has recovered, if both happened while Redis was out',
      atRisk(),
      again({ labels: { a: 'b' }, renewedAt: LATER }),
      { type: 'tracked', name: `${ID}/r2/tracked`, at: LATER },
      { type: 'recovered', name: `${ID}/r2/recovered/${NOW}`, at: LATER },
    ],
  ])('%s', (_, before, added, ...expected) => {
    expect(announce(before, added)).toEqual(expected.filter(Boolean));
  });

  test('is that Graph has named the tenant, under a name of its own', () => {
    const { tracking } = tracked;
    if (tracking === null) throw new Error('it is tracked');
    const named = { ...unknown, tracking: inTenant(tracking, 'another') };
    expect(announce(tracked, named)).toMatchObject([{ name: `${ID}/r1/tracked/another` }]);
    const same = { ...unknown, tracking: inTenant(tracking, tracking.tenantId) };
    expect(announce(tracked, same)).toEqual([]);
  });
});

describe('an event', () => {
  test('has the same name at any time, from any replica', () => {
    const records = [tracked, atRisk(), recordOf(aRemovedCall()), again()];
    for (const record of records) {
      const first = announcementsOf(unknown, record, NOW);
      const repeat = announcementsOf(unknown, record, LATER);
      expect(first.map(({ name }) => name)).toEqual(repeat.map(({ name }) => name));
      expect(first).not.toEqual([]);
    }
  });

  test('that a call has expired again after a renewal has another name', () => {
    const expired = (renewedAt: number) =>
      recordOf(aRemovedCall({ state: 'expired', renewedAt, removedAt: renewedAt + 1 }));
    const [first] = announce(tracked, expired(NOW));
    const renewed = merge(expired(NOW), { ...unknown, renewedAt: NOW + 10 });
    const [second] = announce(renewed, expired(NOW + 10));
    expect([first?.type, second?.type]).toEqual(['expired', 'expired']);
    expect(first?.name).not.toBe(second?.name);
  });

  test('that a call is at risk again after a renewal has another name', () => {
    const [first] = announce(tracked, atRisk());
    const renewedAt = NOW + 50;
    const later = { renewedAt, failedAt: NOW + 60, atRiskAt: NOW + 60 };
    const [second] = announce(recordOf(aCall({ renewedAt })), atRisk(later));
    expect([first?.type, second?.type]).toEqual(['at-risk', 'at-risk']);
    expect(first?.name).not.toBe(second?.name);
  });
});

test('the end of a call that was tracked again is published, though Redis still has its last end', () => {
  const last = recordOf(aRemovedCall({ state: 'untracked', generation: 'r1' }));
  const trackedAt = NOW + 20 * MINUTE;
  const removedAt = trackedAt + MINUTE;
  const now = recordOf(
    aRemovedCall({ state: 'untracked', generation: 'r3', trackedAt, removedAt }),
  );
  expect(announcementsOf(last, now, NOW)).toMatchObject([{ type: 'untracked', at: removedAt }]);
  expect(announcementsOf(now, now, NOW)).toEqual([]);
});
