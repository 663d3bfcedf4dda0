import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deadlineAt, dueAt } from '../../src/calls/deadline.ts';
import { slotOf, turnAfter, turnAtOrBefore } from '../../src/calls/wheel.ts';
import { aCall, DEADLINE_MS, MINUTE, NOW, WHEEL } from './fixture.ts';

describe('the deadline', () => {
  test.each([
    [
      'the sending of the last success',
      { renewedAt: NOW + MINUTE, startedAt: NOW - MINUTE },
      MINUTE,
    ],
    ['the start of the call, if the bot named it', { startedAt: NOW - 10 * MINUTE }, -10 * MINUTE],
    ['the tracking, where it did not', {}, 0],
    ['the tracking, where the start lies after it by a fast clock', { startedAt: NOW + MINUTE }, 0],
    [
      'the tracking, where the start lies more than a deadline back',
      { startedAt: NOW - DEADLINE_MS },
      0,
    ],
    [
      'the start, where that lies just less than a deadline back',
      { startedAt: NOW - DEADLINE_MS + 1 },
      1 - DEADLINE_MS,
    ],
  ])('is counted from %s', (_, over, fromMs) => {
    expect(deadlineAt(aCall(over), DEADLINE_MS)).toBe(NOW + fromMs + DEADLINE_MS);
  });

  test('of a call that was just tracked lies ahead, whatever its start is said to be', () => {
    fc.assert(
      fc.property(fc.option(fc.integer({ min: 0, max: 2 * NOW })), (startedAt) => {
        expect(deadlineAt(aCall({ startedAt }), DEADLINE_MS)).toBeGreaterThan(NOW);
        expect(deadlineAt(aCall({ startedAt }), DEADLINE_MS)).toBeLessThanOrEqual(
          NOW + DEADLINE_MS,
        );
      }),
    );
  });
});

describe('the next keepAlive', () => {
  test('of a call that was never renewed is due at once', () => {
    expect(dueAt(aCall({ retryAt: NOW + 5_000 }), WHEEL)).toBe(NOW);
  });

  test('of a failing call is due at its next attempt', () => {
    const call = aCall({ consecutiveFailures: 1, renewedAt: NOW, retryAt: NOW + 1_234 });
    expect(dueAt(call, WHEEL)).toBe(NOW + 1_234);
  });

  test('of a renewed call is due at the first turn of its slot after the renewal', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 * NOW }),
        fc.stringMatching(/^[a-z0-9]{8}$/),
        (renewedAt, id) => {
          const due = dueAt(aCall({ id, renewedAt }), WHEEL);
          expect(due).toBe(turnAfter(slotOf(id, WHEEL), renewedAt, WHEEL));
          expect(due).toBe(turnAtOrBefore(slotOf(id, WHEEL), due, WHEEL));
          expect(due - renewedAt).toBeLessThanOrEqual(WHEEL.intervalMs);
        },
      ),
    );
  });
});
