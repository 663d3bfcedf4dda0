import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Call, forget } from '../../src/calls/call.ts';
import { lookAgainAt, planVisit, wasVisited } from '../../src/calls/plan.ts';
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
      'one that failed in the future: the clock was set back, and how long it waited is unknown',
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
      'one that was tracked in the future: no replica has its first keepAlive',
      { trackedAt: NOW + 5 * MINUTE, retryAt: NOW + 5 * MINUTE + 5 * SECOND },
      true,
    ],
    [
      'none that failed at a replica whose clock is a little ahead',
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
  test('none whose trackUntil has come only by a step of the clock', () => {
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

describe('a call is checked again', () => {
  const turn = { ...context, nextTurnAt: NOW + 15 * MINUTE };
  const until = (at: number) => ({ renewedAt: NOW + 1, trackUntil: at });
  test.each<[string, Partial<Call>, number | null]>([
    ['not at all where all is well', { renewedAt: NOW + 1 }, null],
    ['at its next attempt', { consecutiveFailures: 1, retryAt: NOW + 20 }, NOW + 20],
    ['also after its slot’s next turn', { retryAt: turn.nextTurnAt + 1 }, turn.nextTurnAt + 1],
    ['at the end of its tracking', until(NOW + 50), NOW + 50],
    ['at the earlier of both', { retryAt: NOW + 30, trackUntil: NOW + 20 }, NOW + 20],
    ['not for an end after the next turn', until(turn.nextTurnAt), null],
    ['at once if its attempt is past every deadline', { retryAt: NOW + 46 * MINUTE }, turn.now],
  ])('%s', (_, over, expected) => {
    expect(lookAgainAt(aCall({ ...before, ...over }), turn)).toBe(expected);
  });

  test('at once for an attempt that was planned before the clock was set back', () => {
    const planned = { consecutiveFailures: 1, lastError: anError({ at: NOW + 2 * MINUTE }) };
    const call = aCall({ ...before, ...planned, retryAt: NOW + 3 * MINUTE });
    expect(lookAgainAt(call, turn)).toBe(turn.now);
  });

  test('when its tracking ends by the settled clock, and not again and again before', () => {
    const call = aCall({ ...before, renewedAt: NOW + 1, trackUntil: NOW + MINUTE });
    const stepped = { ...turn, now: NOW + 5 * MINUTE, settledNow: NOW };
    expect(lookAgainAt(call, stepped)).toBe(NOW + 6 * MINUTE);
  });
});

describe('an attempt that a replica has planned', () => {
  test('is left to that replica for a grace', () => {
    const call = aCall({ ...before, consecutiveFailures: 1, retryAt: NOW + 20 });
    const at = (now: number) => {
      const graced = { ...context, now, settledNow: now, retryGraceMs: 30 };
      return planVisit([{ call, version: '' }], graced).post.length;
    };
    expect([at(NOW + 49), at(NOW + 50)]).toEqual([0, 1]);
  });
});

describe('a slot was visited since its turn', () => {
  const entry = (over: Partial<Call>) => ({ call: aCall({ ...before, ...over }), version: '' });
  test('if a call was renewed or failed since', () => {
    expect(wasVisited([entry({}), entry({ renewedAt: NOW })], NOW)).toBe(true);
    expect(wasVisited([entry({ lastError: anError({ at: NOW }) })], NOW)).toBe(true);
    expect(wasVisited([entry({ lastError: anError({ at: NOW - 1 }) })], NOW)).toBe(false);
    expect(wasVisited([], NOW)).toBe(false);
  });
});
