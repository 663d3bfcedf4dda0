import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import {
  faultOf,
  faultOfWebhook,
  newRegistration,
  type RegistrationContext,
  register,
} from '../../src/calls/registration.ts';
import { aCall, anError, MINUTE, NOW, POLICY, TENANT } from './fixture.ts';

const ID = 'call-0001';
const OTHER_TENANT = '22222222-2222-4222-8222-222222222222';
const context: RegistrationContext = {
  now: NOW,
  settledNow: NOW,
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

  test('again keeps its renewals and the fields that are not named, and replaces the others', () => {
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
    });
    expect(again.registration > known.registration).toBe(true);
  });
});

describe('a field of a call that is tracked again', () => {
  const said = {
    app: 'second',
    tenantId: '33333333-3333-4333-8333-333333333333',
    startedAt: NOW - 40 * MINUTE,
    trackUntil: NOW + 5 * MINUTE,
    labels: { room: 'a', floor: '1' },
    webhookUrl: 'https://bot.example/hook',
  };
  const unsaid = {
    app: 'default',
    tenantId: OTHER_TENANT,
    startedAt: null,
    trackUntil: null,
    labels: {},
    webhookUrl: null,
  };
  const other = {
    app: 'default',
    tenantId: TENANT,
    startedAt: NOW - MINUTE,
    trackUntil: NOW + MINUTE,
    labels: { room: 'b' },
    webhookUrl: 'https://bot.example/other',
  };
  const known = aCall({ ...said, tenantIsDefault: false, renewedAt: NOW - MINUTE });
  const names = ['app', 'tenantId', 'startedAt', 'trackUntil', 'labels', 'webhookUrl'] as const;

  test.each(names)('%s stays if it is not named, whatever else is', (name) => {
    const { [name]: _, ...rest } = other;
    expect(register({ id: ID, ...rest }, known, context)[name]).toEqual(said[name]);
    expect(register({ id: ID, [name]: undefined }, known, context)[name]).toEqual(said[name]);
  });

  test.each(names)('%s is replaced if it is named, and nothing else is', (name) => {
    const next = register({ id: ID, [name]: other[name] }, known, context);
    expect(next).toMatchObject({ ...said, [name]: other[name] });
    expect(next.labels).toEqual(name === 'labels' ? other.labels : said.labels);
  });

  test.each(names)('%s is reset to its default by null, and nothing else is', (name) => {
    const next = register({ id: ID, [name]: null }, known, context);
    expect(next).toMatchObject({ ...said, [name]: unsaid[name] });
    expect(next.labels).toEqual(name === 'labels' ? {} : said.labels);
  });

  test('has the value of the last request that names it', () => {
    const request = fc.record(
      Object.fromEntries(
        names.map((name) => [name, fc.constantFrom(said[name], other[name], null)]),
      ),
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 6 }), (requests) => {
        const calls: Call[] = [];
        for (const fields of requests) {
          calls.push(register({ id: ID, ...fields }, calls.at(-1) ?? null, context));
        }
        const last = calls.at(-1);
        for (const name of names) {
          const word = requests.findLast((fields) => Object.hasOwn(fields, name))?.[name] ?? null;
          const tenantOf = last?.app === 'second' ? OTHER_TENANT : TENANT;
          const byDefault = { ...unsaid, tenantId: tenantOf }[name];
          expect(last?.[name]).toEqual(word ?? byDefault);
        }
        expect(calls.map(({ registration }) => registration)).toEqual(
          calls.map(({ registration }) => registration).toSorted(),
        );
      }),
    );
  });

  test('stays also of a call that we gave up, but not of one that ended or was stopped', () => {
    const past = { removal: 'expired', goneAt: NOW, resultInfo: null } as const;
    const again = register({ id: ID }, { ...known, ...past }, context);
    expect(again).toMatchObject({ ...said, startedAt: null, renewedAt: null, trackedAt: NOW });
    for (const removal of ['ended', 'untracked'] as const) {
      const fresh = register({ id: ID }, { ...known, ...past, removal }, context);
      expect(fresh).toMatchObject({ ...unsaid, tenantId: TENANT, tenantIsDefault: true });
    }
  });
});

describe('the tenant of a call that is tracked again', () => {
  test('becomes that of the new app if nobody named one, and otherwise stays', () => {
    const moved = register({ id: ID, app: 'second' }, aCall(), context);
    expect(moved).toMatchObject({ tenantId: OTHER_TENANT, tenantIsDefault: true });
    const named = register({ id: ID, app: 'second' }, aCall({ tenantIsDefault: false }), context);
    expect(named).toMatchObject({ tenantId: TENANT, tenantIsDefault: false });
    expect(register({ id: ID, app: null }, moved, context).tenantId).toBe(TENANT);
  });

  test('ends its back-off if it failed in another tenant, and otherwise keeps it', () => {
    const failing = aCall({ consecutiveFailures: 3, retryAt: NOW + MINUTE });
    expect(register({ id: ID, tenantId: OTHER_TENANT }, failing, context).retryAt).toBeNull();
    expect(register({ id: ID, app: 'second' }, failing, context).retryAt).toBeNull();
    expect(register({ id: ID, labels: {} }, failing, context).retryAt).toBe(NOW + MINUTE);
    expect(register({ id: ID, tenantId: TENANT }, failing, context).retryAt).toBe(NOW + MINUTE);
  });
});

describe('a webhook', () => {
  const faultAfter = (request: object, last: Call | null) => {
    const word = { id: ID, ...request };
    const rules: RegistrationContext = {
      ...context,
      webhookFault: (url, app) => (app === 'second' ? `not ${url}` : null),
    };
    return faultOfWebhook(word, register(word, last, rules), last, rules)?.field ?? null;
  };
  const webhookUrl = 'https://bot.example/';

  test('is refused if it is named, for the app that the call has or gets', () => {
    expect(faultAfter({ webhookUrl }, null)).toBeNull();
    expect(faultAfter({ webhookUrl, app: 'second' }, null)).toBe('webhookUrl');
    expect(faultAfter({ webhookUrl }, aCall({ app: 'second' }))).toBe('webhookUrl');
  });

  test('is refused if only the app changes, and accepted if neither changes', () => {
    expect(faultAfter({ app: 'second' }, aCall({ webhookUrl }))).toBe('webhookUrl');
    expect(faultAfter({ app: 'second', webhookUrl: null }, aCall({ webhookUrl }))).toBeNull();
    expect(faultAfter({}, aCall({ app: 'second', webhookUrl }))).toBeNull();
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
