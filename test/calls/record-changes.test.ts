import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Call, callOf, type RemovedCall } from '../../src/calls/call.ts';
import { newGeneration } from '../../src/calls/generation.ts';
import { merge } from '../../src/calls/merge.ts';
import {
  ALL_APPS,
  type CallRecord,
  emptyRecord,
  removedOf,
  stateOf,
} from '../../src/calls/record.ts';
import {
  haveSameFields,
  inTenant,
  isElsewhere,
  isOfAnotherTenant,
  recordOfStop,
  trackingFor,
  trackingOver,
} from '../../src/calls/record-changes.ts';
import type { TrackRequest } from '../../src/calls/track-request.ts';
import { aCall, anError, aRemovedCall, MINUTE, NOW, recordOf, TENANT } from './fixture.ts';

const ID = 'call-0001';
const OTHER_TENANT = '22222222-2222-4222-8222-222222222222';
const context = {
  now: NOW,
  random: () => 0.5,
  apps: new Map([
    ['default', { tenantId: TENANT }],
    ['second', { tenantId: OTHER_TENANT }],
  ]),
  defaultApp: 'default',
};

/** The record of a call after the bot has tracked it. */
function tracked(fields: Omit<TrackRequest, 'id'>, current: CallRecord = emptyRecord(ID)) {
  const tracking = trackingFor({ id: ID, ...fields }, current, context, true);
  return merge(current, { ...emptyRecord(ID), tracking });
}

/** The call after it. */
function track(fields: Omit<TrackRequest, 'id'>, last: Call | RemovedCall | null = null): Call {
  const call = callOf(tracked(fields, last ? recordOf(last) : emptyRecord(ID)));
  if (call === null) throw new Error('a tracked call is a call');
  return call;
}

describe('a call that is tracked', () => {
  test("is by the default app, in the app's tenant", () => {
    expect(track({})).toEqual(aCall({ generation: expect.any(String) as string }));
  });

  test('is in another tenant, or by another app, if the bot says so', () => {
    expect(track({ tenantId: OTHER_TENANT }).tenantId).toBe(OTHER_TENANT);
    expect(track({ app: 'second' })).toMatchObject({ app: 'second', tenantId: OTHER_TENANT });
  });

  test('again keeps its renewals, its failures and the fields that the request does not name', () => {
    const known = aCall({
      trackedAt: NOW - 30 * MINUTE,
      startedAt: NOW - 40 * MINUTE,
      renewedAt: NOW - 20 * MINUTE,
      failedAt: NOW - 2 * MINUTE,
      retryAt: NOW + MINUTE,
      consecutiveFailures: 3,
      atRiskAt: NOW - MINUTE,
      lastError: anError(),
      trackUntil: NOW + 5 * MINUTE,
      labels: { old: 'yes' },
      webhookUrl: 'https://bot.example/old',
    });
    const again = track({ labels: { new: 'yes' } }, known);
    expect(again).toEqual({ ...known, generation: again.generation, labels: { new: 'yes' } });
    expect(again.generation > known.generation).toBe(true);
  });

  test('again after it was removed has neither renewals nor failures', () => {
    const past = { trackedAt: NOW - 3 * MINUTE, renewedAt: NOW - 2 * MINUTE };
    const failing = { failedAt: NOW - MINUTE, retryAt: NOW + MINUTE, consecutiveFailures: 2 };
    for (const state of ['ended', 'expired', 'untracked'] as const) {
      const call = aRemovedCall({ ...past, ...failing, state, removedAt: NOW - 1 });
      expect(track({}, call)).toEqual(aCall({ generation: expect.any(String) as string }));
    }
  });

  test('takes no fields from a call that the sender may not see, but has a later generation', () => {
    const theirs = aRemovedCall({ state: 'expired', labels: { a: 'b' }, app: 'second' });
    const next = trackingFor({ id: ID }, recordOf(theirs), context, false);
    expect(next).toMatchObject({ app: 'default', labels: {}, tenantId: TENANT });
    expect(next.generation > theirs.generation).toBe(true);
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
  const known = aCall({
    ...said,
    ...{ tenantIsDefault: false, trackedAt: NOW - 2 * MINUTE, renewedAt: NOW - MINUTE },
  });
  const names = ['app', 'tenantId', 'startedAt', 'trackUntil', 'labels', 'webhookUrl'] as const;

  test.each(names)('%s stays if it is not named, whatever else is', (name) => {
    const { [name]: _, ...rest } = other;
    expect(track({ ...rest }, known)[name]).toEqual(said[name]);
    expect(track({ [name]: undefined }, known)[name]).toEqual(said[name]);
  });

  test.each(names)('%s is replaced if it is named, and nothing else is', (name) => {
    const next = track({ [name]: other[name] }, known);
    expect(next).toMatchObject({ ...said, [name]: other[name] });
    expect(next.labels).toEqual(name === 'labels' ? other.labels : said.labels);
  });

  test.each(names)('%s is at its default if it is null, and nothing else is', (name) => {
    const next = track({ [name]: null }, known);
    expect(next).toMatchObject({ ...said, [name]: unsaid[name] });
    expect(next.labels).toEqual(name === 'labels' ? {} : said.labels);
  });

  test('is as the last of any requests that names it says', () => {
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
          calls.push(track({ ...fields }, calls.at(-1) ?? null));
        }
        const last = calls.at(-1);
        for (const name of names) {
          const value = requests.findLast((fields) => Object.hasOwn(fields, name))?.[name] ?? null;
          const tenantOf = last?.app === 'second' ? OTHER_TENANT : TENANT;
          const byDefault = { ...unsaid, tenantId: tenantOf }[name];
          expect(last?.[name]).toEqual(value ?? byDefault);
        }
        expect(calls.map(({ generation }) => generation)).toEqual(
          calls.map(({ generation }) => generation).toSorted(),
        );
      }),
    );
  });

  test('stays also of a call that we gave up, but not of one that ended or was stopped', () => {
    const past = { removedAt: NOW, reason: null, resultInfo: null };
    const again = track({}, { ...known, ...past, state: 'expired' });
    expect(again).toMatchObject({ ...said, startedAt: null, renewedAt: null, trackedAt: NOW });
    for (const state of ['ended', 'untracked'] as const) {
      const fresh = track({}, { ...known, ...past, state });
      expect(fresh).toMatchObject({ ...unsaid, tenantId: TENANT, tenantIsDefault: true });
    }
  });
});

describe('the tenant of a call', () => {
  test('is that of the new app if nobody named one, and stays if somebody did', () => {
    const moved = track({ app: 'second' }, aCall());
    expect(moved).toMatchObject({ tenantId: OTHER_TENANT, tenantIsDefault: true });
    const named = track({ app: 'second' }, aCall({ tenantIsDefault: false }));
    expect(named).toMatchObject({ tenantId: TENANT, tenantIsDefault: false });
    expect(track({ app: null }, moved).tenantId).toBe(TENANT);
  });

  test('that Graph names replaces a default, and no other', () => {
    const byDefault = aCall();
    expect(inTenant(byDefault, OTHER_TENANT)).toMatchObject({
      tenantId: OTHER_TENANT,
      tenantIsDefault: false,
    });
    expect(inTenant(byDefault, TENANT).tenantIsDefault).toBe(false);
    const named = aCall({ tenantIsDefault: false });
    expect(inTenant(named, OTHER_TENANT)).toBe(named);
    expect(inTenant(byDefault, null)).toBe(byDefault);
  });

  test('is not the one that Graph names if somebody named another', () => {
    const named = aCall({ tenantIsDefault: false, tenantId: 'ABCD' });
    expect(isOfAnotherTenant(named, 'abcd')).toBe(false);
    expect(isOfAnotherTenant(named, 'dcba')).toBe(true);
    expect(isOfAnotherTenant(named, null)).toBe(false);
    expect(isOfAnotherTenant(aCall(), OTHER_TENANT)).toBe(false);
  });

  test('and its app say where Graph is asked for it', () => {
    expect(isElsewhere(aCall(), aCall({ labels: { a: 'b' }, generation: 'r2' }))).toBe(false);
    expect(isElsewhere(aCall(), aCall({ app: 'second' }))).toBe(true);
    expect(isElsewhere(aCall(), aCall({ tenantId: OTHER_TENANT }))).toBe(true);
  });
});

describe('two trackings', () => {
  const aTracking = (over: Partial<Call> = {}) => {
    const { tracking } = recordOf(aCall(over));
    if (tracking === null) throw new Error('the record of a call has a tracking');
    return tracking;
  };

  test('say the same if nobody who reads the call can tell them apart', () => {
    expect(
      haveSameFields(
        aTracking(),
        aTracking({ generation: 'r2', tenantIsDefault: false, trackedAt: NOW + 1 }),
      ),
    ).toBe(true);
    const one = aTracking({ labels: { a: '1', b: '2' } });
    expect(haveSameFields(one, aTracking({ labels: { b: '2', a: '1' } }))).toBe(true);
    expect(haveSameFields(aTracking({ labels: {} }), aTracking({ labels: {} }))).toBe(true);
  });

  test.each<[Partial<Call>]>([
    [{ app: 'second' }],
    [{ tenantId: OTHER_TENANT }],
    [{ labels: { a: '1' } }],
    [{ webhookUrl: 'https://bot.example/' }],
    [{ startedAt: NOW }],
    [{ trackUntil: NOW }],
  ])('do not if one has %j', (over) => {
    expect(haveSameFields(aTracking(), aTracking(over))).toBe(false);
    expect(haveSameFields(aTracking(over), aTracking())).toBe(false);
  });
});

describe('a stop', () => {
  const resultInfo = { code: 408, subcode: 8537, message: 'Keep Alive timeout' };
  const request = { reason: 'request', resultInfo: null, visibleApps: null } as const;
  const moment = (now: number) => ({ now, random: () => 0.5 });
  const stopped = (
    current: CallRecord,
    now = NOW,
    said: Parameters<typeof recordOfStop>[2] = request,
  ) => merge(current, recordOfStop(current, moment(now), said));

  test('removes a tracked call, and a later tracking brings it back', () => {
    const record = stopped(recordOf(aCall()));
    expect(callOf(record)).toMatchObject({ state: 'untracked', removedAt: NOW, reason: 'request' });
    expect(stateOf(tracked({}, record))).toBe('tracked');
  });

  test('of an unknown call counts for each replica that knows the call, even later', () => {
    const blind = recordOfStop(emptyRecord(ID), moment(NOW), request);
    expect(stateOf(merge(recordOf(aCall({ generation: '0' })), blind))).toBe('untracked');
  });

  test('counts for the apps that the sender may see', () => {
    const visibleApps = new Set(['second', 'third']);
    const blind = recordOfStop(emptyRecord(ID), moment(NOW), { ...request, visibleApps });
    const stateFor = (app: string) =>
      stateOf(merge(recordOf(aCall({ app, generation: '0' })), blind));
    expect(['second', 'third', 'default'].map(stateFor)).toEqual([
      'untracked',
      'untracked',
      'tracked',
    ]);
  });

  test('again keeps when and why the call was stopped, and adds what Graph says', () => {
    const first = stopped(recordOf(aCall()));
    const said = { reason: 'notification', resultInfo, visibleApps: null } as const;
    const second = stopped(first, NOW + MINUTE, said);
    expect(callOf(second)).toMatchObject({ removedAt: NOW, reason: 'request', resultInfo });
    const third = stopped(second, NOW + 2 * MINUTE);
    expect(callOf(third)).toMatchObject({ removedAt: NOW, reason: 'request', resultInfo });
  });

  test('of a call that Graph has ended leaves it ended', () => {
    const ended = recordOf(aRemovedCall({ removedAt: NOW }));
    const said = { reason: 'notification', resultInfo, visibleApps: null } as const;
    expect(callOf(stopped(ended, NOW + 1, said))).toMatchObject({
      ...{ state: 'ended', removedAt: NOW, resultInfo, reason: null },
    });
  });

  test('after the call was tracked again is a new one', () => {
    const again = tracked({}, stopped(recordOf(aCall())));
    const second = stopped(again, NOW + MINUTE);
    expect(removedOf(second)).toEqual({ state: 'untracked', at: NOW + MINUTE });
  });
});

describe('the end of a tracking at its trackUntil', () => {
  test('removes the call', () => {
    const current = recordOf(aCall({ trackUntil: NOW }));
    const over = trackingOver(current, NOW + 1);
    expect(callOf(merge(current, over ?? emptyRecord(ID)))).toMatchObject({
      ...{ state: 'untracked', reason: 'track-until', removedAt: NOW + 1 },
    });
  });

  test('stops no later tracking, whichever comes first', () => {
    const current = recordOf(aCall({ trackUntil: NOW }));
    const over = trackingOver(current, NOW + 1) ?? emptyRecord(ID);
    const prolonged = tracked({ trackUntil: NOW + MINUTE }, current);
    expect(stateOf(merge(prolonged, over))).toBe('tracked');
    expect(stateOf(merge(over, prolonged))).toBe('tracked');
  });

  test('is nothing for a call that is not tracked', () => {
    expect(trackingOver(emptyRecord(ID), NOW)).toBeNull();
    expect(trackingOver(recordOf(aRemovedCall()), NOW)).toBeNull();
  });
});

describe('a generation', () => {
  const instant = fc.integer({ min: 0, max: 36 ** 9 - 2 });
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const unknown = emptyRecord(ID);

  test('is greater, as text, than any that was made earlier', () => {
    fc.assert(
      fc.property(instant, instant, chance, chance, (a, b, first, second) => {
        fc.pre(a !== b);
        const earlier = newGeneration({ now: Math.min(a, b), random: () => first }, unknown);
        const later = newGeneration({ now: Math.max(a, b), random: () => second }, unknown);
        expect(earlier < later).toBe(true);
      }),
    );
  });

  test('is greater than all known generations of the call, even if the clock was set back', () => {
    const aChange = fc.tuple(instant, chance, fc.constantFrom('track', 'stop', 'stop another app'));
    fc.assert(
      fc.property(fc.array(aChange, { maxLength: 50 }), (changes) => {
        let record = unknown;
        let last = '';
        for (const [now, random, kind] of changes) {
          const moment = { now, random: () => random };
          const visibleApps = kind === 'stop' ? null : new Set(['other']);
          const next =
            kind === 'track'
              ? {
                  ...unknown,
                  tracking: trackingFor({ id: ID }, record, { ...context, ...moment }, true),
                }
              : recordOfStop(record, moment, { reason: 'request', resultInfo: null, visibleApps });
          const said = next.tracking ?? next.stops[ALL_APPS] ?? next.stops.other;
          expect((said?.generation ?? '') > last).toBe(true);
          last = said?.generation ?? '';
          record = merge(record, next);
        }
      }),
    );
  });
});
