import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { correctFutureTimes, merge } from '../../src/calls/merge.ts';
import {
  ALL_APPS,
  type CallRecord,
  emptyRecord,
  removedOf,
  stateOf,
} from '../../src/calls/record.ts';
import { aCall, DEADLINE_MS, MINUTE, NOW, recordOf, SKEW_MS, WHEEL } from './fixture.ts';

const RUNS = { numRuns: 3_000 };

/** Few values, so that parts tie and overtake each other often. */
const generation = fc.constantFrom('a', 'b', 'c', 'd');
const instant = fc.nat({ max: 6 });
const error = fc.constantFrom('x', 'y').map((message) => ({
  at: 1,
  status: 500,
  code: null,
  message,
  requestId: null,
  clientRequestId: null,
  diagnostic: null,
  date: null,
}));
const part = <T>(shape: fc.Arbitrary<T>) => fc.option(shape, { freq: 2 });

const aRecord: fc.Arbitrary<CallRecord> = fc.record({
  id: fc.constant('call-0001'),
  tracking: part(
    fc.record({
      generation,
      app: fc.constantFrom('default', 'other'),
      tenantId: fc.constantFrom('t', 'u'),
      tenantIsDefault: fc.boolean(),
      labels: fc.constant({}),
      webhookUrl: fc.constant(null),
      owner: fc.constantFrom(null, 'bot-1'),
      trackedAt: instant,
      startedAt: fc.constant(null),
      trackUntil: fc.constant(null),
    }),
  ),
  stops: fc.dictionary(
    fc.constantFrom(ALL_APPS, 'default', 'other'),
    fc.record({
      generation,
      at: instant,
      reason: fc.constant('request' as const),
      resultInfo: fc.constant(null),
    }),
    { maxKeys: 2 },
  ),
  ending: part(fc.record({ generation, sentAt: instant, at: instant, error })),
  expiry: part(fc.record({ generation, renewedAt: instant, at: instant })),
  renewedAt: part(instant),
  failure: part(
    fc.record({
      at: instant,
      count: fc.integer({ min: 1, max: 3 }),
      retryAt: instant,
      atRiskAt: fc.constant(null),
      error,
    }),
  ),
});
const empty = emptyRecord('call-0001');
/** As any party holds it: every record that is stored came out of a merge. */
const aHeldRecord = aRecord.map((record) => merge(empty, record));

describe('merge', () => {
  test('does not depend on which record comes first', () => {
    fc.assert(
      fc.property(aRecord, aRecord, (a, b) => {
        expect(merge(a, b)).toEqual(merge(b, a));
      }),
      RUNS,
    );
  });

  test('does not depend on the order in which three records meet', () => {
    fc.assert(
      fc.property(aRecord, aRecord, aRecord, (a, b, c) => {
        expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)));
      }),
      RUNS,
    );
  });

  test('changes nothing when a record comes again, alone or within another', () => {
    fc.assert(
      fc.property(aHeldRecord, aRecord, (a, b) => {
        expect(merge(a, a)).toEqual(a);
        expect(merge(merge(a, b), b)).toEqual(merge(a, b));
      }),
      RUNS,
    );
  });

  test('learns nothing from an empty record', () => {
    fc.assert(
      fc.property(aHeldRecord, (a) => {
        expect(merge(a, empty)).toEqual(a);
      }),
      RUNS,
    );
  });

  test('never loses a renewal, a later word of the bot, or a later stop', () => {
    fc.assert(
      fc.property(aRecord, aRecord, (a, b) => {
        const merged = merge(a, b);
        const latest = Math.max(a.renewedAt ?? 0, b.renewedAt ?? 0);
        expect(merged.renewedAt ?? 0).toBe(latest);
        const words = [a.tracking, b.tracking].map((word) => word?.generation ?? '');
        expect(merged.tracking?.generation ?? '').toBe(words.sort().at(-1));
        for (const stop of [a.stops[ALL_APPS] ?? null, b.stops[ALL_APPS] ?? null]) {
          const isOver = stop !== null && stop.generation >= (merged.tracking?.generation ?? '');
          if (isOver) expect(removedOf(merged)).not.toBeNull();
        }
      }),
      RUNS,
    );
  });
});

describe('a word that differs within one generation', () => {
  const word = (over: object) => ({
    ...empty,
    tracking: {
      ...{ generation: 'b', app: 'default', tenantId: 't', tenantIsDefault: true, labels: {} },
      ...{
        webhookUrl: null,
        owner: null,
        trackedAt: 10,
        startedAt: null,
        trackUntil: null,
        ...over,
      },
    },
  });

  test('is in the tenant that somebody named', () => {
    const named = word({ tenantId: 'a', tenantIsDefault: false, trackedAt: 11 });
    expect(merge(word({}), named)).toEqual(named);
    expect(merge(named, word({}))).toEqual(named);
  });

  test('was tracked at the earlier instant: the clock that says the later one was ahead', () => {
    const early = word({ trackedAt: 9 });
    expect(merge(word({}), early)).toEqual(early);
    expect(merge(early, word({}))).toEqual(early);
  });
});

describe('the state of a merged record', () => {
  const tracking = {
    generation: 'b',
    app: 'default',
    tenantId: 't',
    tenantIsDefault: true,
    labels: {},
    webhookUrl: null,
    owner: null,
    trackedAt: 1,
    startedAt: null,
    trackUntil: null,
  };
  const tracked: CallRecord = { ...empty, tracking, renewedAt: 10 };

  test('is tracked again if another replica renewed a call that one gave up', () => {
    const givenUp = { ...empty, tracking, expiry: { generation: 'b', renewedAt: 5, at: 50 } };
    expect(stateOf(givenUp)).toBe('expired');
    expect(stateOf(merge(givenUp, tracked))).toBe('tracked');
    expect(stateOf(merge(tracked, givenUp))).toBe('tracked');
  });

  test('is untracked if a replica that did not know the call was asked to stop it', () => {
    const blindStop = {
      ...empty,
      stops: {
        [ALL_APPS]: { generation: 'c', at: 20, reason: 'request' as const, resultInfo: null },
      },
    };
    expect(stateOf(blindStop)).toBeNull();
    expect(stateOf(merge(blindStop, tracked))).toBe('untracked');
  });

  test('is tracked if the bot tracked the call again after a stop', () => {
    const stopped = merge(tracked, {
      ...empty,
      stops: {
        [ALL_APPS]: { generation: 'c', at: 20, reason: 'request' as const, resultInfo: null },
      },
    });
    const again = { ...empty, tracking: { ...tracking, generation: 'd', trackedAt: 30 } };
    expect(stateOf(merge(stopped, again))).toBe('tracked');
  });

  test('stays ended when the bot stops a call that Graph has ended', () => {
    const [error] = fc.sample(
      aRecord.filter(({ ending }) => ending !== null),
      1,
    );
    const ending = { ...(error?.ending as NonNullable<CallRecord['ending']>) };
    const ended = merge(tracked, {
      ...empty,
      ending: { ...ending, generation: 'b', sentAt: 11, at: 12 },
    });
    expect(stateOf(ended)).toBe('ended');
    const stop = { generation: 'c', at: 20, reason: 'request' as const, resultInfo: null };
    expect(removedOf(merge(ended, { ...empty, stops: { [ALL_APPS]: stop } }))).toEqual({
      state: 'ended',
      at: 12,
    });
  });

  test('ignores an ending that was seen before the last renewal', () => {
    const [sample] = fc.sample(
      aRecord.filter(({ ending }) => ending !== null),
      1,
    );
    const ending = sample?.ending as NonNullable<CallRecord['ending']>;
    const late = { ...empty, ending: { ...ending, generation: 'b', sentAt: 9, at: 12 } };
    expect(stateOf(merge(tracked, late))).toBe('tracked');
  });
});

describe('a record from a clock that was ahead', () => {
  const trackedAt = NOW - 10 * DEADLINE_MS;
  const at = { now: NOW, skewMs: SKEW_MS, intervalMs: WHEEL.intervalMs };

  test('keeps its call on the schedule, due at once: it was renewed, nobody knows when', () => {
    const { renewedAt } = correctFutureTimes(
      recordOf(aCall({ trackedAt, renewedAt: NOW + 60 * MINUTE })),
      at,
    );
    expect(renewedAt).toBe(NOW - WHEEL.intervalMs);
  });

  test('is believed within what clocks may differ, and if it says nothing of a renewal', () => {
    const within = recordOf(aCall({ trackedAt, renewedAt: NOW + SKEW_MS }));
    const never = recordOf(aCall({ trackedAt }));
    expect([correctFutureTimes(within, at), correctFutureTimes(never, at)]).toEqual([
      within,
      never,
    ]);
  });
});
