import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Call, forget } from '../../src/calls/call.ts';
import { nextVisitAt, planVisit } from '../../src/calls/plan.ts';
import { aCall, anError, DEADLINE_MS, MINUTE, NOW, SECOND, SKEW_MS } from './fixture.ts';

const entryOf = (call: Call) => ({ call, version: '1' });
const context = {
  turnAt: NOW,
  now: NOW + 10,
  settledNow: NOW + 10,
  deadlineMs: DEADLINE_MS,
  skewMs: SKEW_MS,
};
const planned = (...calls: Call[]) => {
  const { post, stop } = planVisit(calls.map(entryOf), context);
  return { post: post.map(({ call }) => call.id), stop: stop.map(({ entry }) => entry.call.id) };
};
const before = { trackedAt: NOW - 30 * MINUTE };

describe('a visit posts', () => {
  test.each<[string, Partial<Call>, boolean]>([
    ['one renewed before this turn', { renewedAt: NOW - 1 }, true],
    ['none renewed at this turn or after', { renewedAt: NOW }, false],
    ['one never renewed and tracked before this turn', { trackedAt: NOW - 1 }, true],
    ['one tracked after this turn that nobody has renewed yet', { trackedAt: NOW + 1 }, true],
    [
      'none just tracked: its first keepAlive is on its way',
      { trackedAt: NOW + 1, retryAt: NOW + 11 },
      false,
    ],
    [
      'one whose next attempt lies so far ahead that the clock was set back since',
      { retryAt: NOW + 11 + DEADLINE_MS },
      true,
    ],
    [
      'one whose failure lies in the future: the clock was set back, and nobody knows for how long it waited',
      {
        consecutiveFailures: 3,
        lastError: anError({ at: NOW + 2 * MINUTE }),
        retryAt: NOW + 2 * MINUTE + SECOND,
      },
      true,
    ],
    [
      'one that Graph asked to wait, with a clock that was set back since',
      {
        consecutiveFailures: 1,
        lastError: anError({ at: NOW + 30 * MINUTE, status: 429 }),
        retryAt: NOW + 40 * MINUTE,
      },
      true,
    ],
    [
      'one that was tracked in the future: its first keepAlive waits for nobody',
      { trackedAt: NOW + 5 * MINUTE, retryAt: NOW + 5 * MINUTE + 5 * SECOND },
      true,
    ],
    [
      'none that another replica, a little ahead, saw fail',
      {
        consecutiveFailures: 1,
        lastError: anError({ at: NOW + 10 + SKEW_MS }),
        retryAt: NOW + MINUTE,
      },
      false,
    ],
    ['none whose next attempt is yet to come', { retryAt: NOW + 11 }, false],
    ['one whose next attempt has come', { retryAt: NOW + 10 }, true],
    [
      'one past its deadline, once more before it is given up',
      { renewedAt: NOW - DEADLINE_MS },
      true,
    ],
    ['one whose tracking ends later', { trackUntil: NOW + 11 }, true],
    ['none whose tracking ends now', { trackUntil: NOW + 10 }, false],
    [
      'one renewed far ahead of the clock, which was set back since',
      { renewedAt: NOW + 10 + SKEW_MS + 1 },
      true,
    ],
    [
      'none renewed a little ahead of the clock by another replica',
      { renewedAt: NOW + 10 + SKEW_MS },
      false,
    ],
  ])('%s', (_, over, isDue) => {
    expect(planned(aCall({ ...before, ...over })).post).toEqual(isDue ? ['call-0001'] : []);
  });

  test('the nearest deadline first', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: NOW - DEADLINE_MS, max: NOW - 1 })), (instants) => {
        const calls = instants.map((renewedAt, i) => aCall({ id: `call-${i}`, renewedAt }));
        const { post } = planVisit(calls.map(entryOf), context);
        expect(post.map(({ call }) => call.renewedAt)).toEqual(instants.toSorted((a, b) => a - b));
      }),
    );
  });
});

describe('a visit takes off the schedule', () => {
  test('none whose trackUntil has come by a step of the clock alone', () => {
    const call = aCall({ ...before, renewedAt: NOW + 1, trackUntil: NOW + 30 * MINUTE });
    const now = NOW + 60 * MINUTE;
    const stopped = (settledNow: number) =>
      planVisit([entryOf(call)], { ...context, now, settledNow }).stop.length;
    expect(stopped(NOW + 10)).toBe(0);
    expect(stopped(NOW + 30 * MINUTE)).toBe(1);
  });

  test('those whose trackUntil has come, due or not', () => {
    const call = aCall({ ...before, trackUntil: NOW + 10, retryAt: NOW + MINUTE });
    const { post, stop } = planVisit([entryOf(call)], context);
    expect(post).toEqual([]);
    expect(stop).toEqual([
      {
        entry: entryOf(call),
        gone: forget(call, 'untracked', NOW + 10),
      },
    ]);
  });
});

describe('a second visit of the same turn', () => {
  test('posts only what the first one did not renew', () => {
    const calls = [0, 1, 2].map((i) => aCall({ ...before, id: `call-000${i}` }));
    const after = calls.map((call, i) => (i === 1 ? call : { ...call, renewedAt: NOW + 5 }));
    expect(planned(...calls).post).toHaveLength(3);
    expect(planned(...after).post).toEqual(['call-0001']);
  });
});

describe('the slot is visited again before its next turn', () => {
  const turn = { ...context, nextTurnAt: NOW + 15 * MINUTE };
  test.each<[string, Partial<Call>[], number | null]>([
    ['not at all where all is well', [{ renewedAt: NOW + 1 }], null],
    [
      'at the next attempt of a failing call',
      [{ consecutiveFailures: 1, retryAt: NOW + 20 }],
      NOW + 20,
    ],
    ['at the earliest of several', [{ retryAt: NOW + 30 }, { retryAt: NOW + 20 }, {}], NOW + 20],
    ['when somebody ends to be tracked', [{ renewedAt: NOW + 1, trackUntil: NOW + 50 }], NOW + 50],
    ['not for what comes at the next turn or later', [{ retryAt: turn.nextTurnAt }], null],
  ])('%s', (_, overs, expected) => {
    const calls = overs.map((over, i) => aCall({ ...before, id: `call-000${i}`, ...over }));
    expect(nextVisitAt(calls, turn, () => turn.nextTurnAt)).toBe(expected);
  });

  test('at once for an attempt that was planned before the clock was set back', () => {
    const planned = { consecutiveFailures: 1, lastError: anError({ at: NOW + 2 * MINUTE }) };
    const call = aCall({ ...before, ...planned, retryAt: NOW + 3 * MINUTE });
    expect(nextVisitAt([call], turn, () => turn.nextTurnAt)).toBe(turn.now);
  });

  test('at the end of a tracking by the settled clock, not again and again before', () => {
    const call = aCall({ ...before, renewedAt: NOW + 1, trackUntil: NOW + MINUTE });
    const stepped = { ...context, now: NOW + 5 * MINUTE, settledNow: NOW };
    expect(nextVisitAt([call], stepped, () => turn.nextTurnAt)).toBe(NOW + 6 * MINUTE);
  });

  test('not for a call that another visit has taken over by now, though its wish is older', () => {
    const [taken, own] = [NOW - 20, NOW - 10].map((retryAt, i) =>
      aCall({ ...before, id: `call-000${i}`, retryAt }),
    ) as [Call, Call];
    const takenOverAt = (call: Call) => (call === taken ? NOW : turn.nextTurnAt);
    expect(nextVisitAt([taken], turn, takenOverAt)).toBeNull();
    expect(nextVisitAt([taken, own], turn, takenOverAt)).toBe(NOW - 10);
  });
});
