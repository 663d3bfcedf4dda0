import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import type { Outcome } from '../../src/calls/outcome.ts';
import { type SettleContext, settle } from '../../src/calls/settle.ts';
import {
  aCall,
  anError,
  DEADLINE_MS,
  ended,
  failed,
  MINUTE,
  NOW,
  POLICY,
  refused,
  renewed,
  SECOND,
  throttled,
} from './fixture.ts';

const SENT = NOW + 15 * MINUTE;
const context: SettleContext = {
  now: SENT + SECOND,
  settledNow: SENT + SECOND,
  deadlineMs: DEADLINE_MS,
  policy: POLICY,
  random: () => 0.5,
};
const asked = aCall({
  renewedAt: NOW,
  lastError: anError(),
  consecutiveFailures: 2,
  retryAt: SENT,
});

const at = (now: number) => ({ now, settledNow: now });

/** What became of the call, in a word. */
function verdict(current: Call, outcome: Outcome, over: Partial<SettleContext> = {}): string {
  const settlement = settle(asked, current, outcome, { ...context, ...over });
  if (settlement === null) return 'nothing';
  if ('gone' in settlement) return settlement.gone.removal;
  return settlement.next.consecutiveFailures === 0 ? 'renewed' : 'failing';
}

describe('an outcome', () => {
  const same = asked;
  const other = { ...asked, registration: 'r2' };
  const renewedSince = { ...asked, renewedAt: SENT + 1, consecutiveFailures: 0, retryAt: null };
  const renewedBefore = { ...asked, renewedAt: SENT - 1, consecutiveFailures: 0, retryAt: null };

  test.each<[string, Outcome, Record<'same' | 'other' | 'renewedSince' | 'renewedBefore', string>]>(
    [
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
      [
        'throttled',
        throttled(SENT, 2_128),
        { same: 'failing', other: 'failing', renewedSince: 'nothing', renewedBefore: 'nothing' },
      ],
      [
        'throttled, no word for how long',
        throttled(SENT),
        { same: 'failing', other: 'failing', renewedSince: 'nothing', renewedBefore: 'nothing' },
      ],
      [
        'refused',
        refused(SENT),
        { same: 'failing', other: 'failing', renewedSince: 'nothing', renewedBefore: 'nothing' },
      ],
      [
        'failed',
        failed(SENT),
        { same: 'failing', other: 'failing', renewedSince: 'nothing', renewedBefore: 'nothing' },
      ],
      [
        'failed before a request was sent',
        failed(null),
        { same: 'failing', other: 'failing', renewedSince: 'nothing', renewedBefore: 'nothing' },
      ],
    ],
  )('%s counts only where nobody knows better', (_, outcome, expected) => {
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
    const settlement = settle(asked, asked, outcome, { ...context, ...at(now) });
    expect(settlement).toMatchObject({
      gone: { removal: 'expired', goneAt: now, retryAt: null, consecutiveFailures: 3 },
    });
    expect(settlement).toHaveProperty('gone.lastError', (outcome as { error: unknown }).error);
  });

  test('renewed past the deadline keeps the call: Graph had not ended it', () => {
    expect(verdict(asked, renewed(NOW + DEADLINE_MS + MINUTE), at(NOW + 2 * DEADLINE_MS))).toBe(
      'renewed',
    );
  });
});

test.each([
  ['in another app', { app: 'second' }],
  ['in another tenant', { tenantId: 'other' }],
  ['tracked afresh', { trackedAt: NOW + 1 }],
])('a failure says nothing of a call that is by now %s', (_, over) => {
  const current = { ...asked, registration: 'r2', ...over };
  for (const outcome of [failed(SENT), refused(SENT), throttled(SENT)]) {
    expect(verdict(current, outcome)).toBe('nothing');
  }
});

describe('a renewal', () => {
  test('counts from the sending, and clears what went wrong before', () => {
    const current = { ...asked, registration: 'r2', labels: { bot: 'b' } };
    expect(settle(asked, current, renewed(SENT), context)).toEqual({
      next: {
        ...current,
        renewedAt: SENT,
        retryAt: null,
        consecutiveFailures: 0,
        atRiskAt: null,
        lastError: null,
      },
    });
  });

  test('that a slow answer brings late does not undo a newer one', () => {
    expect(settle(asked, { ...asked, renewedAt: SENT + 1 }, renewed(SENT), context)).toBeNull();
    expect(settle(asked, { ...asked, renewedAt: SENT }, renewed(SENT), context)).toBeNull();
  });

  test('of a call at risk is told of', () => {
    const current = { ...asked, atRiskAt: SENT - MINUTE };
    expect(settle(asked, current, renewed(SENT), context)).toMatchObject({
      tell: 'recovered',
      next: { atRiskAt: null },
    });
  });
});

describe('an ending', () => {
  test('keeps the evidence', () => {
    const outcome = ended(SENT);
    expect(settle(asked, asked, outcome, context)).toMatchObject({
      gone: {
        removal: 'ended',
        goneAt: context.now,
        retryAt: null,
        lastError: { code: '8522', status: 404 },
      },
    });
  });
});

describe('a failure', () => {
  test('is counted, remembered, and planned to be tried again', () => {
    expect(settle(asked, asked, failed(SENT), context)).toEqual({
      next: {
        ...asked,
        consecutiveFailures: 3,
        lastError: anError(),
        retryAt: context.now + 4 * SECOND,
      },
    });
  });

  test('is planned by the patience that Graph asks for', () => {
    expect(settle(asked, asked, throttled(SENT, 90_500), context)).toMatchObject({
      next: { retryAt: context.now + 90_500 },
    });
  });

  test('is told of once when less than a third of the deadline is left', () => {
    const now = NOW + (2 / 3) * DEADLINE_MS;
    expect(settle(asked, asked, failed(now), { ...context, ...at(now) })).not.toHaveProperty(
      'tell',
    );
    const first = settle(asked, asked, failed(now + 1), { ...context, ...at(now + 1) });
    expect(first).toMatchObject({ tell: 'at-risk', next: { atRiskAt: now + 1 } });
    const atRisk = { ...asked, atRiskAt: now + 1 };
    const second = settle(atRisk, atRisk, failed(now + 2), { ...context, ...at(now + 2) });
    expect(second).toMatchObject({ next: { atRiskAt: now + 1 } });
    expect(second).not.toHaveProperty('tell');
  });
});

describe('a clock that takes a step', () => {
  const HOUR = 60 * MINUTE;
  const ahead = { now: SENT + HOUR, settledNow: SENT };

  test('forward expires no call that has time left by the settled clock', () => {
    expect(verdict(asked, failed(SENT), ahead)).toBe('failing');
    const settledNow = NOW + DEADLINE_MS;
    const now = settledNow + HOUR;
    expect(verdict(asked, failed(SENT), { now: now - 1, settledNow: settledNow - 1 })).toBe(
      'failing',
    );
    expect(verdict(asked, failed(SENT), { now, settledNow })).toBe('expired');
  });

  test('forward puts no call at risk, and does not delay its next attempt', () => {
    const settlement = settle(asked, asked, failed(SENT), { ...context, ...ahead });
    expect(settlement).not.toHaveProperty('tell');
    expect(settlement).toMatchObject({ next: { retryAt: ahead.now + 4 * SECOND } });
  });

  test('back leaves no more than one deadline to a call, so attempts grow denser as before', () => {
    const now = NOW - HOUR;
    const settlement = settle(asked, asked, throttled(now, 24 * HOUR), { ...context, ...at(now) });
    expect(settlement).toMatchObject({
      next: { retryAt: now + DEADLINE_MS - POLICY.reserveMs },
    });
  });
});
