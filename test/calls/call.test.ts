import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CALL_ID_PATTERN,
  callOf,
  isRemoved,
  parseCallId,
  stopOf,
  trackedCallOf,
} from '../../src/calls/call.ts';
import { merge } from '../../src/calls/merge.ts';
import {
  ALL_APPS,
  type CallRecord,
  emptyRecord,
  type Stop,
  stateOf,
} from '../../src/calls/record.ts';
import { aCall, anError, aRemovedCall, NOW, recordOf } from './fixture.ts';

const GUID = '2E1A0B00-2DB4-4022-9570-243709C565AB';

describe('a call id', () => {
  test('is any text of the grammar, and stays as it is', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{7,127}$/), (text) => {
        fc.pre(!/^[0-9a-f]{32}$/i.test(text));
        const id = parseCallId(text);
        expect(id?.toLowerCase()).toBe(text.toLowerCase());
        expect(id).toBe(parseCallId(id ?? ''));
      }),
    );
  });

  test('that is a GUID is lower-cased, any other is not', () => {
    expect(parseCallId(GUID)).toBe(GUID.toLowerCase());
    expect(parseCallId(`${GUID}-X`)).toBe(`${GUID}-X`);
    const bare = GUID.replaceAll('-', '');
    for (const other of [
      bare.slice(1),
      `${bare}0`,
      `${bare.slice(1)}G`,
      bare.replace('2E', '2-E'),
    ]) {
      expect(parseCallId(other)).toBe(other);
    }
    fc.assert(
      fc.property(fc.uuid(), (guid) => parseCallId(guid.toUpperCase()) === guid.toLowerCase()),
    );
  });

  test('of 32 hex digits is the GUID with hyphens', () => {
    fc.assert(
      fc.property(fc.uuid(), (guid) => {
        const bare = guid.replaceAll('-', '');
        expect([parseCallId(bare), parseCallId(bare.toUpperCase())]).toEqual([guid, guid]);
      }),
    );
  });

  test('has from 8 to 128 characters', () => {
    expect(parseCallId('a'.repeat(7))).toBeNull();
    expect(parseCallId('a'.repeat(8))).toBe('a'.repeat(8));
    expect(parseCallId('a'.repeat(128))).toBe('a'.repeat(128));
    expect(parseCallId('a'.repeat(129))).toBeNull();
  });

  test.each([
    '',
    '../../etc/passwd',
    '..%2f..%2fetc',
    '%2e%2e%2fcalls',
    'call-0001\r\nX: y',
    'call-0001\n',
    'call-0001\u0000',
    'call 0001',
    'call?0001',
    'call#0001',
    'call/0001',
    'call{0}01',
    '-call0001',
    '_call0001',
    'call-000１',
    'call\u202e0001',
    'cäll-0001',
    'a'.repeat(300),
  ])('is not %j', (text) => {
    expect(parseCallId(text)).toBeNull();
  });

  test('never holds anything that means something in a URL, a header or a Redis key', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc
        .tuple(fc.stringMatching(/^[a-z0-9]{8}$/), fc.string({ unit: 'binary' }))
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(anything, (text) => {
        const id = parseCallId(text);
        if (id === null) return;
        expect(id).toMatch(/^[A-Za-z0-9_-]{8,128}$/);
        expect(encodeURIComponent(id)).toBe(id);
      }),
      { numRuns: 2_000 },
    );
  });

  test('is described to others by the pattern that it is parsed by', () => {
    const pattern = new RegExp(CALL_ID_PATTERN, 'u');
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => pattern.test(text) === (parseCallId(text) !== null),
      ),
    );
  });
});

describe('a removed call', () => {
  test('differs from a tracked one, and has no next attempt', () => {
    const call = aCall({ consecutiveFailures: 1, failedAt: NOW + 1, retryAt: NOW + 1 });
    const tracked = recordOf(call);
    const ending = { generation: 'r1', sentAt: NOW, at: NOW + 1, error: anError({ status: 404 }) };
    const view = callOf({ ...tracked, ending });
    expect(callOf(tracked)).toEqual({ ...call, lastError: anError() });
    expect(view && isRemoved(view)).toBe(true);
    expect(view).toEqual({
      ...call,
      retryAt: null,
      state: 'ended',
      removedAt: NOW + 1,
      reason: null,
      resultInfo: null,
      lastError: anError({ status: 404 }),
    });
    expect([trackedCallOf(tracked)?.id, trackedCallOf({ ...tracked, ending })]).toEqual([
      call.id,
      null,
    ]);
  });

  test.each(['ended', 'expired', 'untracked'] as const)('says that it is %s', (state) => {
    const call = aRemovedCall({ state, reason: state === 'untracked' ? 'track-until' : null });
    expect(callOf(recordOf(call))).toMatchObject({ state, removedAt: NOW, reason: call.reason });
  });

  test('says why it is over if a notification said so, however it was removed', () => {
    const resultInfo = { code: 408, subcode: 8537, message: 'why' };
    const stop = { generation: 'r2', at: NOW + 1, reason: 'notification', resultInfo } as const;
    const ended = recordOf(aRemovedCall());
    expect(callOf({ ...ended, stops: { [ALL_APPS]: stop } })).toMatchObject({
      ...{ state: 'ended', removedAt: NOW, reason: null, resultInfo },
    });
  });

  test('is stopped for the apps of the client that stopped it, however it was removed first', () => {
    const ended = recordOf(aRemovedCall());
    const stop = (generation: string) =>
      ({ generation, at: NOW, reason: 'request', resultInfo: null }) as const;
    const after = (stops: CallRecord['stops'], app: string) => {
      const again = recordOf(aCall({ app, generation: 'r3' }));
      return stateOf(merge(merge(ended, { ...emptyRecord(ended.id), stops }), again));
    };
    expect(after({ default: stop('r3') }, 'default')).toBe('untracked');
    expect(after({ default: stop('r3') }, 'other')).toBe('tracked');
    expect(after({ default: stop('r3'), [ALL_APPS]: stop('r4') }, 'other')).toBe('untracked');
    expect(after({ [ALL_APPS]: stop('r2') }, 'other')).toBe('tracked');
  });
});

describe('the stop that counts', () => {
  const resultInfo = { code: 1, subcode: null, message: 'why' };
  const stop = (over: Partial<Stop>): Stop => {
    return { generation: 'r2', at: NOW, reason: 'request', resultInfo: null, ...over };
  };
  const record = recordOf(aCall());

  test('is the earlier of two, unless only the other says why', () => {
    const early = stop({ at: NOW });
    const late = stop({ at: NOW + 1 });
    expect(stopOf({ ...record, stops: { [ALL_APPS]: late, default: early } })).toBe(early);
    const explained = stop({ at: NOW + 1, resultInfo });
    expect(stopOf({ ...record, stops: { [ALL_APPS]: explained, default: early } })).toBe(explained);
  });

  test('is none from before the call was tracked, nor one for another app', () => {
    expect(stopOf({ ...record, stops: { [ALL_APPS]: stop({ generation: 'r0' }) } })).toBeNull();
    expect(stopOf({ ...record, stops: { other: stop({}) } })).toBeNull();
  });
});

test('a record without a tracking is no call', () => {
  expect(callOf(emptyRecord('call-0001'))).toBeNull();
});
