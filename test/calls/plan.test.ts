import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  lookAgainAt,
  planVisit,
  type Timing,
  type VisitContext,
  wasVisited,
} from '../../src/calls/plan.ts';
import { DEADLINE_MS, MINUTE, NOW, POLICY, SECOND, SKEW_MS, WHEEL } from './fixture.ts';

const { firstMs } = POLICY;
const context = {
  turnAt: NOW,
  now: NOW + 10,
  settledNow: NOW + 10,
  intervalMs: WHEEL.intervalMs,
  deadlineMs: DEADLINE_MS,
  skewMs: SKEW_MS,
  firstMs,
};
const before = { trackedAt: NOW - 30 * MINUTE };
const aTiming = (over: Partial<Timing> = {}): Timing => ({
  renewedAt: null,
  startedAt: null,
  failedAt: null,
  retryAt: null,
  trackUntil: null,
  ...before,
  ...over,
});
/** What a visit does with one call. */
function planned(over: Partial<Timing>, at: Partial<VisitContext> = {}): string {
  const { due, over: isOver, later } = planVisit([['id', aTiming(over)]], { ...context, ...at });
  const found = [...due.map(() => 'due'), ...isOver.map(() => 'over'), ...later.map(() => 'later')];
  return found.join() || 'nothing';
}
/** A failing call. */
const failing = (retryAt: number, failedAt = NOW - MINUTE) => ({ failedAt, retryAt });

describe('a visit', () => {
  test.each<[string, Partial<Timing>, string]>([
    ['posts a call renewed before this turn', { renewedAt: NOW - 1 }, 'due'],
    ['posts none renewed at this turn or after', { renewedAt: NOW }, 'nothing'],
    ['posts a call never renewed', {}, 'due'],
    ['leaves a new call to the replica that accepted it', { trackedAt: NOW + 1 }, 'later'],
    ['posts a new call if that takes too long', { trackedAt: NOW + 10 - firstMs }, 'due'],
    [
      'posts a call whose next attempt is so far ahead that the clock was set back since',
      failing(NOW + 11 + DEADLINE_MS),
      'due',
    ],
    [
      'posts a call that failed in the future: nobody knows how much of the wait is over',
      failing(NOW + 2 * MINUTE + SECOND, NOW + 2 * MINUTE),
      'due',
    ],
    [
      'posts a call that Graph asked to wait, by a clock that was set back since',
      failing(NOW + 40 * MINUTE, NOW + 30 * MINUTE),
      'due',
    ],
    ['posts a call that was tracked in the future', { trackedAt: NOW + 5 * MINUTE }, 'due'],
    [
      'leaves a call that another replica, a little ahead, saw fail',
      failing(NOW + MINUTE, NOW + 10 + SKEW_MS),
      'later',
    ],
    ['leaves a call whose next attempt is yet to come', failing(NOW + 11), 'later'],
    [
      'leaves a failing call that was renewed after the turn until its next attempt',
      { renewedAt: NOW + 1, ...failing(NOW + 11, NOW + 5) },
      'later',
    ],
    ['posts a call whose next attempt has come', failing(NOW + 10), 'due'],
    [
      'posts a call past its deadline once more, however long it is past',
      { renewedAt: NOW - 100 * DEADLINE_MS },
      'due',
    ],
    ['posts a call whose tracking ends later', { trackUntil: NOW + 11 }, 'due'],
    ['stops a call whose tracking ends now', { trackUntil: NOW + 10 }, 'over'],
    [
      'stops a call whose tracking ends now, though it waits for its next attempt',
      { trackUntil: NOW + 10, ...failing(NOW + MINUTE) },
      'over',
    ],
    [
      'looks again at a renewed call whose tracking ends later',
      { renewedAt: NOW, trackUntil: NOW + 11 },
      'later',
    ],
    [
      'posts a call renewed far ahead of the clock, which was set back since',
      { renewedAt: NOW + 10 + SKEW_MS + 1 },
      'due',
    ],
    [
      'posts none renewed a little ahead of the clock by another replica',
      { renewedAt: NOW + 10 + SKEW_MS },
      'nothing',
    ],
  ])('%s', (_, over, expected) => {
    expect(planned(over)).toBe(expected);
  });

  test('posts the nearest deadline first', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: NOW - DEADLINE_MS, max: NOW - 1 })), (instants) => {
        const calls = new Map(instants.map((renewedAt, i) => [`${i}`, aTiming({ renewedAt })]));
        const { due } = planVisit(calls, context);
        expect(due.map((id) => calls.get(id)?.renewedAt)).toEqual(
          instants.toSorted((a, b) => a - b),
        );
      }),
    );
  });

  test('stops nothing by a step of the clock alone', () => {
    const renewedAt = NOW + 1;
    const now = NOW + 3 * DEADLINE_MS;
    const over = { renewedAt, trackUntil: NOW + 30 * MINUTE };
    expect(planned(over, { now, turnAt: now })).toBe('due');
    expect(planned(over, { now, turnAt: now, settledNow: now })).toBe('over');
  });
});

describe('a second visit of the same turn', () => {
  test('posts only what the first one did not renew', () => {
    const ids = ['0', '1', '2'];
    const after = ids.map((id) => [id, aTiming(id === '1' ? {} : { renewedAt: NOW + 5 })] as const);
    expect(planVisit(after, context).due).toEqual(['1']);
  });
});

describe('a call is checked again', () => {
  const turn = { ...context, nextTurnAt: NOW + 15 * MINUTE };
  const until = (at: number) => ({ renewedAt: NOW + 1, trackUntil: at });
  test.each<[string, Partial<Timing>, number | null]>([
    ['not at all if all is well', { renewedAt: NOW + 1 }, null],
    ['at its next attempt', failing(NOW + 20), NOW + 20],
    ['also after its slot’s next turn', failing(turn.nextTurnAt + 1), turn.nextTurnAt + 1],
    ['soon if nobody has made its first keepAlive', { trackedAt: NOW }, NOW + firstMs],
    ['at once if that took too long', { trackedAt: NOW - MINUTE }, turn.now],
    ['at the end of its tracking', until(NOW + 50), NOW + 50],
    ['at the earlier of both', { ...failing(NOW + 30), trackUntil: NOW + 20 }, NOW + 20],
    ['not for an end after the next turn', until(turn.nextTurnAt), null],
    ['at once if its attempt is past every deadline', failing(NOW + 46 * MINUTE), turn.now],
  ])('%s', (_, over, expected) => {
    expect(lookAgainAt(aTiming(over), turn)).toBe(expected);
  });

  test('at once for an attempt that was planned before the clock was set back', () => {
    expect(lookAgainAt(aTiming(failing(NOW + 3 * MINUTE, NOW + 2 * MINUTE)), turn)).toBe(turn.now);
  });

  test('at the end of a tracking by the settled clock, not again and again before', () => {
    const stepped = { ...turn, now: NOW + 5 * MINUTE, settledNow: NOW };
    expect(lookAgainAt(aTiming(until(NOW + MINUTE)), stepped)).toBe(NOW + 6 * MINUTE);
  });
});

describe('an attempt that somebody has planned', () => {
  test('is left to them for a grace', () => {
    const at = (now: number) =>
      planned(failing(NOW + 20), { now, settledNow: now, retryGraceMs: 30 });
    expect([at(NOW + 49), at(NOW + 50)]).toEqual(['later', 'due']);
  });
});

describe('a slot was visited since its turn', () => {
  test('if a call was renewed or failed since', () => {
    expect(wasVisited([aTiming(), aTiming({ renewedAt: NOW })], NOW)).toBe(true);
    expect(wasVisited([aTiming(failing(NOW + 1, NOW))], NOW)).toBe(true);
    expect(wasVisited([aTiming(failing(NOW + 1, NOW - 1))], NOW)).toBe(false);
    expect(wasVisited([], NOW)).toBe(false);
  });
});
