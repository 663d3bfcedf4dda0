import { describe, expect, test } from 'vitest';
import { announcementsOf } from '../../src/calls/announcement.ts';
import { type Call, callOf, trackedCallOf } from '../../src/calls/call.ts';
import { type LearnContext, learnedFrom, learnedFromClock } from '../../src/calls/learn.ts';
import { merge } from '../../src/calls/merge.ts';
import type { Outcome } from '../../src/calls/outcome.ts';
import {
  ALL_APPS,
  type CallRecord,
  emptyRecord,
  renewalOf,
  stateOf,
} from '../../src/calls/record.ts';
import {
  aCall,
  anError,
  aRemovedCall,
  DEADLINE_MS,
  ended,
  failed,
  MINUTE,
  NOW,
  POLICY,
  recordOf,
  refused,
  renewed,
  SECOND,
  SKEW_MS,
  throttled,
  WHEEL,
} from './fixture.ts';

const SENT = NOW + 15 * MINUTE;
const context: LearnContext = {
  now: SENT + SECOND,
  settledNow: SENT + SECOND,
  intervalMs: WHEEL.intervalMs,
  deadlineMs: DEADLINE_MS,
  skewMs: SKEW_MS,
  firstMs: POLICY.firstMs,
  policy: POLICY,
  random: () => 0.5,
};
const asked = aCall({
  renewedAt: NOW,
  failedAt: NOW + MINUTE,
  lastError: anError(),
  consecutiveFailures: 2,
  retryAt: SENT,
});
const at = (now: number) => ({ now, settledNow: now });

/** The record of a call after an outcome. */
function after(outcome: Outcome, current: CallRecord, over: Partial<LearnContext> = {}) {
  const learned = learnedFrom(outcome, asked, current, { ...context, ...over });
  return learned === null ? current : merge(current, learned);
}

/** The call after an outcome. */
function callAfter(outcome: Outcome, current: Call = asked, over: Partial<LearnContext> = {}) {
  return callOf(after(outcome, recordOf(current), over));
}

/** What became of the call, in a word. */
function verdict(current: Call, outcome: Outcome, over: Partial<LearnContext> = {}): string {
  const before = recordOf(current);
  const record = after(outcome, before, over);
  const call = trackedCallOf(record);
  if (call === null) return stateOf(record) ?? 'nothing';
  if (renewalOf(record) !== renewalOf(before)) return 'renewed';
  const hasFailed = call.consecutiveFailures > (trackedCallOf(before)?.consecutiveFailures ?? 0);
  return hasFailed ? 'failing' : 'nothing';
}

describe('an outcome', () => {
  const same = asked;
  const other = { ...asked, generation: 'r2' };
  const renewedSince = { ...asked, renewedAt: SENT + 1, consecutiveFailures: 0, retryAt: null };
  const renewedBefore = { ...asked, renewedAt: SENT - 1, consecutiveFailures: 0, retryAt: null };
  const failing = {
    same: 'failing',
    other: 'failing',
    renewedSince: 'nothing',
    renewedBefore: 'nothing',
  };

  test.each<[string, Outcome, typeof failing]>([
    [
      'renewed',
      renewed(SENT),
      { same: 'renewed', other: 'renewed', renewedSince: 'nothing', renewedBefore: 'renewed' },
    ],
    [
      'ended',
      ended(SENT),
      { same: 'ended', other: 'nothing', renewedSince: 'nothing', renewedBefore: 'ended' },
    ],
    ['throttled', throttled(SENT, 2_128), failing],
    ['throttled, with no word for how long', throttled(SENT), failing],
    ['refused', refused(SENT), failing],
    ['failed', failed(SENT), failing],
    ['failed before a request was sent', failed(null), failing],
  ])('%s is ignored if the record is newer', (_, outcome, expected) => {
    expect({
      same: verdict(same, outcome),
      other: verdict(other, outcome),
      renewedSince: verdict(renewedSince, outcome),
      renewedBefore: verdict(renewedBefore, outcome),
    }).toEqual(expected);
  });

  test.each([
    ['failed', failed(SENT)],
    ['refused', refused(SENT)],
    ['throttled', throttled(SENT, 10)],
  ])('%s past the deadline gives the call up, with the last error', (_, outcome) => {
    const now = NOW + DEADLINE_MS;
    expect(verdict(asked, outcome, at(now - 1))).toBe('failing');
    expect(callAfter(outcome, asked, at(now))).toMatchObject({
      state: 'expired',
      removedAt: now,
      retryAt: null,
      consecutiveFailures: 3,
      lastError: (outcome as { error: unknown }).error,
    });
  });

  test('renewed past the deadline keeps the call: Graph had not ended it', () => {
    const late = NOW + 2 * DEADLINE_MS;
    expect(verdict(asked, renewed(NOW + DEADLINE_MS + MINUTE), at(late))).toBe('renewed');
  });

  test('renewed brings back a call that another replica gave up', () => {
    const givenUp = aRemovedCall({ renewedAt: NOW, state: 'expired', removedAt: SENT });
    expect(verdict(givenUp, renewed(SENT))).toBe('renewed');
  });

  test('renewed brings no call back that the bot stopped meanwhile', () => {
    const stopped = aRemovedCall({ renewedAt: NOW, state: 'untracked', removedAt: SENT });
    expect(verdict(stopped, renewed(SENT))).toBe('untracked');
  });

  test('failed changes nothing of a call that was removed meanwhile', () => {
    for (const state of ['ended', 'expired', 'untracked'] as const) {
      const removed = recordOf(aRemovedCall({ renewedAt: NOW, state, removedAt: SENT }));
      expect(learnedFrom(failed(SENT), asked, removed, context)).toBeNull();
    }
  });

  test('failed changes nothing of a call without a tracking', () => {
    expect(learnedFrom(failed(SENT), asked, emptyRecord(asked.id), context)).toBeNull();
  });
});

test.each([
  ['in another app', { app: 'second' }],
  ['in another tenant', { tenantId: 'other' }],
  ['tracked afresh', { trackedAt: NOW + 1 }],
])('a failure says nothing of a call that is by now %s', (_, over) => {
  const current = { ...asked, generation: 'r2', ...over };
  for (const outcome of [failed(SENT), refused(SENT), throttled(SENT)]) {
    expect(learnedFrom(outcome, asked, recordOf(current), context)).toBeNull();
  }
});

describe('a renewal', () => {
  test('counts from the sending, and clears what went wrong before', () => {
    const current = { ...asked, generation: 'r2', labels: { bot: 'b' } };
    expect(callAfter(renewed(SENT), current)).toEqual({
      ...current,
      renewedAt: SENT,
      failedAt: null,
      retryAt: null,
      consecutiveFailures: 0,
      atRiskAt: null,
      lastError: null,
    });
  });

  test('that a slow answer brings late does not undo a newer one', () => {
    for (const renewedAt of [SENT, SENT + 1]) {
      const current = recordOf(aCall({ renewedAt }));
      expect(after(renewed(SENT), current)).toEqual(current);
    }
  });

  test('of a call at risk is published', () => {
    const before = recordOf({ ...asked, atRiskAt: SENT - MINUTE });
    const record = after(renewed(SENT), before);
    expect(callOf(record)).toMatchObject({ atRiskAt: null });
    expect(announcementsOf(before, record, context.now)).toMatchObject([{ type: 'recovered' }]);
  });
});

describe('an ending', () => {
  test('keeps the evidence', () => {
    expect(callAfter(ended(SENT))).toMatchObject({
      state: 'ended',
      removedAt: context.now,
      retryAt: null,
      lastError: { code: '8522', status: 404 },
    });
  });
});

describe('a failure', () => {
  test('is counted, remembered, and planned to be tried again', () => {
    expect(callAfter(failed(SENT))).toEqual({
      ...asked,
      failedAt: context.now,
      consecutiveFailures: 3,
      lastError: anError(),
      retryAt: context.now + 4 * SECOND,
    });
  });

  test('is planned by the patience that Graph asks for', () => {
    expect(callAfter(throttled(SENT, 90_500))).toMatchObject({ retryAt: context.now + 90_500 });
  });

  test('is published once when less than a third of the deadline is left', () => {
    const now = NOW + (2 / 3) * DEADLINE_MS;
    const failures = [now, now + 1, now + 2];
    const published: unknown[] = [];
    let record = recordOf(asked);
    for (const failedAt of failures) {
      const next = after(failed(failedAt), record, at(failedAt));
      published.push(announcementsOf(record, next, failedAt)[0]?.type ?? null);
      record = next;
    }
    expect(published).toEqual([null, 'at-risk', null]);
    expect(callOf(record)).toMatchObject({ atRiskAt: now + 1 });
  });

  test('counts also if the clock was set back since the one before', () => {
    const now = NOW + MINUTE - SECOND;
    expect(callAfter(failed(now), asked, at(now))).toMatchObject({ consecutiveFailures: 3 });
  });
});

describe('a clock that takes a step', () => {
  const HOUR = 60 * MINUTE;
  const ahead = { now: SENT + HOUR, settledNow: SENT };

  test('forward gives no call up that the settled clock does not', () => {
    expect(verdict(asked, failed(SENT), ahead)).toBe('failing');
    const settledNow = NOW + DEADLINE_MS;
    const now = settledNow + HOUR;
    const before = { now: now - 1, settledNow: settledNow - 1 };
    expect(verdict(asked, failed(SENT), before)).toBe('failing');
    expect(verdict(asked, failed(SENT), { now, settledNow })).toBe('expired');
  });

  test('forward calls no call at risk, and has it tried again as soon as without it', () => {
    expect(callAfter(failed(SENT), asked, ahead)).toMatchObject({
      atRiskAt: null,
      retryAt: ahead.now + 4 * SECOND,
    });
  });

  test('back leaves no deadline further ahead than one deadline: attempts grow denser as before', () => {
    const now = NOW - HOUR;
    expect(callAfter(throttled(now, 24 * HOUR), asked, at(now))).toMatchObject({
      retryAt: now + DEADLINE_MS - POLICY.reserveMs,
    });
  });

  test('back does not hide the attempts for a call that was tracked before it', () => {
    const future = aCall({ trackedAt: NOW + HOUR });
    const record = recordOf(future);
    const learn = (outcome: Outcome) => {
      const learned = learnedFrom(outcome, future, record, context);
      return callOf(merge(record, learned ?? record));
    };
    expect(learn(renewed(SENT))).toMatchObject({ renewedAt: SENT, trackedAt: SENT });
    const { now } = context;
    expect(learn(failed(SENT))).toMatchObject({ consecutiveFailures: 1, trackedAt: now });
  });

  test('does not make a renewal count for a tracking that began after it', () => {
    const again = recordOf(aCall({ generation: 'r2', trackedAt: SENT + 1 }));
    expect(callOf(after(renewed(SENT), again))).toMatchObject({
      renewedAt: null,
      trackedAt: SENT + 1,
    });
  });
});

describe('the clock alone', () => {
  const learn = (call: Call, over: Partial<LearnContext>) => {
    const record = recordOf(call);
    const learned = learnedFromClock(record, { ...context, ...over });
    return learned && callOf(merge(record, learned));
  };

  test('stops a call whose trackUntil has come', () => {
    const call = aCall({ trackUntil: SENT });
    expect(learn(call, at(SENT - 1))).toBeNull();
    const reason = 'track-until';
    expect(learn(call, at(SENT))).toMatchObject({ state: 'untracked', removedAt: SENT, reason });
  });

  test('gives up no call, however long its deadline is past: only Graph knows', () => {
    expect(learn(asked, at(NOW + 100 * DEADLINE_MS))).toBeNull();
  });

  test('takes nothing off the schedule by a step forward', () => {
    const now = NOW + 3 * DEADLINE_MS;
    expect(learn(aCall({ trackUntil: SENT }), { now, settledNow: SENT - 1 })).toBeNull();
    expect(learn(asked, { now, settledNow: SENT })).toBeNull();
  });

  test('changes nothing of a call that was removed or is unknown', () => {
    const late = { ...context, ...at(NOW + 3 * DEADLINE_MS) };
    expect(learnedFromClock(recordOf(aRemovedCall({ trackUntil: SENT })), late)).toBeNull();
    const stop = { generation: 'r2', at: NOW, reason: 'request', resultInfo: null } as const;
    const blind = { ...emptyRecord(asked.id), stops: { [ALL_APPS]: stop } };
    expect(learnedFromClock(blind, late)).toBeNull();
  });
});
