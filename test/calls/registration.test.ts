import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  faultOf,
  newRegistration,
  type RegistrationContext,
  register,
} from '../../src/calls/registration.ts';
import { aCall, anError, MINUTE, NOW, POLICY, TENANT } from './fixture.ts';

const ID = 'call-0001';
const OTHER_TENANT = '22222222-2222-4222-8222-222222222222';
const context: RegistrationContext = {
  now: NOW,
  random: () => 0.5,
  apps: new Map([
    ['default', { tenantId: TENANT }],
    ['second', { tenantId: OTHER_TENANT }],
  ]),
  defaultApp: 'default',
  policy: POLICY,
  webhookFault: (url) => (url === 'https://no.example/' ? `${url} may not be told` : null),
};

describe('a request to track is refused', () => {
  test.each([
    [{ app: 'none' }, 'app', 'no app of this name is configured; there is default, second'],
    [{ app: '' }, 'app', 'no app of this name is configured; there is default, second'],
    [{ app: 'constructor' }, 'app', 'no app of this name is configured; there is default, second'],
    [{ app: '__proto__' }, 'app', 'no app of this name is configured; there is default, second'],
    [{ startedAt: NOW + 5 * MINUTE + 1 }, 'startedAt', 'must not lie in the future'],
    [{ trackUntil: NOW }, 'trackUntil', 'must lie in the future'],
    [{ trackUntil: 0 }, 'trackUntil', 'must lie in the future'],
    [{ webhookUrl: 'https://no.example/' }, 'webhookUrl', 'https://no.example/ may not be told'],
  ])('for %j', (over, field, message) => {
    expect(faultOf({ id: ID, ...over }, context)).toEqual({ kind: 'invalid', field, message });
  });

  test.each([
    [{}],
    [{ app: 'second' }],
    [{ startedAt: NOW + 5 * MINUTE }],
    [{ startedAt: 0 }],
    [{ trackUntil: NOW + 1 }],
    [{ webhookUrl: 'https://yes.example/' }],
  ])('not for %j', (over) => {
    expect(faultOf({ id: ID, ...over }, context)).toBeNull();
  });
});

describe('a call that is tracked', () => {
  test('is the app’s own, of its tenant, and has its first keepAlive to itself for a while', () => {
    expect(register({ id: ID }, null, context)).toEqual(
      aCall({ registration: expect.any(String) as string, retryAt: NOW + POLICY.firstMs }),
    );
  });

  test('is of another tenant, or of another app, where the bot says so', () => {
    expect(register({ id: ID, tenantId: OTHER_TENANT }, null, context).tenantId).toBe(OTHER_TENANT);
    const second = register({ id: ID, app: 'second' }, null, context);
    expect(second).toMatchObject({ app: 'second', tenantId: OTHER_TENANT });
  });

  test('again keeps its renewals and when it began, and is otherwise as asked now', () => {
    const known = aCall({
      trackedAt: NOW - 30 * MINUTE,
      startedAt: NOW - 40 * MINUTE,
      renewedAt: NOW - 20 * MINUTE,
      retryAt: NOW + MINUTE,
      consecutiveFailures: 3,
      atRiskAt: NOW - MINUTE,
      lastError: anError(),
      trackUntil: NOW + 5 * MINUTE,
      labels: { old: 'yes' },
      webhookUrl: 'https://bot.example/old',
    });
    const again = register({ id: ID, labels: { new: 'yes' } }, known, context);
    expect(again).toEqual({
      ...known,
      registration: again.registration,
      labels: { new: 'yes' },
      webhookUrl: null,
      trackUntil: null,
    });
    expect(again.registration > known.registration).toBe(true);
  });
});

describe('a registration', () => {
  const instant = fc.integer({ min: 0, max: 36 ** 9 - 2 });
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  test('is greater, as text, than any that was made earlier', () => {
    fc.assert(
      fc.property(instant, instant, chance, chance, (a, b, first, second) => {
        fc.pre(a !== b);
        const earlier = newRegistration(Math.min(a, b), () => first);
        const later = newRegistration(Math.max(a, b), () => second);
        expect(earlier < later).toBe(true);
      }),
    );
  });

  test('is greater than the one before of the same call, whatever the clock says', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(instant, chance), { maxLength: 50 }), (trackings) => {
        let before = '';
        for (const [now, random] of trackings) {
          const next = newRegistration(now, () => random, before);
          expect(next > before).toBe(true);
          before = next;
        }
      }),
    );
  });
});
