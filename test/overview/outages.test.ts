import { describe, expect, test } from 'vitest';
import type { FailureCause } from '../../src/overview/causes.ts';
import { describeIncident } from '../../src/overview/incident-words.ts';
import type { FailureIncident } from '../../src/overview/incidents.ts';
import { joinOutages, Outages } from '../../src/overview/outages.ts';
import { anError, MINUTE, NOW, TENANT, WHEEL } from '../calls/fixture.ts';

const OOPS = anError({ status: 500, code: 'InternalServerError', message: 'Oops.' });

function aCause(calls: number, since: number, over: Partial<FailureCause> = {}): FailureCause {
  const named = { app: 'default', tenantId: TENANT, error: OOPS, afterSuccess: null };
  return { ...named, calls, since, firstLossAt: since + 30 * MINUTE, ...over };
}

function someOutages(): Outages {
  return new Outages({ intervalMs: WHEEL.intervalMs, sameMs: 15 * MINUTE, most: 3 });
}

describe('an outage', () => {
  test('is remembered after it is over, with the most calls that failed at a time', () => {
    const outages = someOutages();
    outages.note([aCause(300, NOW)], NOW + MINUTE);
    const other = aCause(200, NOW + MINUTE, { tenantId: 'another' });
    outages.note([aCause(1_200, NOW), other], NOW + 7 * MINUTE);
    outages.note([aCause(5, NOW)], NOW + 8 * MINUTE);
    expect(outages.all).toMatchObject([{ from: NOW, until: null, calls: 1_400 }]);
    outages.note([], NOW + 9 * MINUTE);
    outages.note([], NOW + 30 * MINUTE);
    const error = { status: 500, code: 'InternalServerError' };
    expect(outages.all).toMatchObject([
      { kind: 'failing', app: 'default', from: NOW, until: NOW + 9 * MINUTE, calls: 1_400, error },
    ]);
  });

  test.each([
    ['two calls', 2, MINUTE],
    ['less than a minute', 900, MINUTE - 1],
  ])('of %s is not remembered', (_, calls, lasted) => {
    const outages = someOutages();
    outages.note([aCause(calls, NOW)], NOW + lasted);
    outages.note([], NOW + lasted);
    expect(outages.all).toEqual([]);
  });

  test('that comes back within a quarter of an hour is the same one, and later another one', () => {
    const outages = someOutages();
    for (const at of [0, 10, 40].map((minutes) => NOW + minutes * MINUTE)) {
      outages.note([aCause(9, at)], at + MINUTE);
      outages.note([], at + 2 * MINUTE);
    }
    expect(outages.all.map(({ from, until }) => [from - NOW, (until ?? 0) - NOW])).toEqual([
      [0, 12 * MINUTE],
      [40 * MINUTE, 42 * MINUTE],
    ]);
  });

  test('of another app or with another fault is another one; the oldest is forgotten first', () => {
    const outages = someOutages();
    const busy = anError({ status: 503, code: 'Busy' });
    const causes = [
      aCause(9, NOW),
      aCause(9, NOW, { error: busy }),
      ...['b', 'c'].map((app) => aCause(9, NOW, { app })),
    ];
    outages.note(causes, NOW + MINUTE);
    expect(outages.all.map(({ app, error }) => [app, error.status])).toEqual([
      ['default', 503],
      ['b', 500],
      ['c', 500],
    ]);
    outages.forget(() => true);
    expect(outages.all).toEqual([]);
  });
});

test('failures without a token are one outage, whether Graph refused the last one or not', () => {
  const message = 'No token: AADSTS7000222: expired';
  const outages = someOutages();
  const causes = [401, null].map((status) =>
    aCause(2, NOW, { error: anError({ status, code: 'token', message }) }),
  );
  outages.note(causes, NOW + MINUTE);
  expect(outages.all).toMatchObject([{ calls: 4 }]);
});

test('an outage that two replicas saw is one, with the calls of both', () => {
  const outage: FailureIncident = {
    kind: 'failing',
    from: NOW,
    until: NOW + 8 * MINUTE,
    app: 'default',
    calls: 900,
    error: OOPS,
  };
  const seen = { ...outage, from: NOW + MINUTE, until: NOW + 9 * MINUTE, calls: 700 };
  const later = { ...outage, from: NOW + 60 * MINUTE, until: null };
  const [both, last, ...rest] = joinOutages([later, seen, outage]);
  expect(both).toMatchObject({ from: NOW, until: NOW + 9 * MINUTE, calls: 1_600 });
  expect(last).toEqual(later);
  expect(rest).toEqual([]);
});

test.each([
  [OOPS, '500 InternalServerError'],
  [
    anError({ status: null, code: 'token', message: 'No token: AADSTS7000222: x' }),
    'no token: AADSTS7000222',
  ],
  [
    anError({
      status: 401,
      code: 'token',
      message: 'No token from https://x: connect ECONNREFUSED',
    }),
    'no token: ECONNREFUSED',
  ],
  [anError({ status: null, code: null, message: 'broken' }), 'broken'],
])('an outage is described with its reason: %j', (error, reason) => {
  const outage = {
    kind: 'failing',
    from: NOW,
    until: null,
    app: 'bot',
    calls: 1_438,
    error,
  } as const;
  expect(describeIncident(outage)).toBe(
    `KeepAlives failed for up to 1,438 calls of the app bot (${reason})`,
  );
});
