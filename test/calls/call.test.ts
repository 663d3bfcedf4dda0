import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CALL_ID_PATTERN,
  covers,
  forget,
  isGone,
  joinEnds,
  parseCallId,
} from '../../src/calls/call.ts';
import { aCall, NOW } from './fixture.ts';

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

describe('a call that has left the schedule', () => {
  test('is told apart from one that has not, and has no next attempt', () => {
    const call = aCall({ retryAt: NOW + 1 });
    const gone = forget(call, 'ended', NOW);
    expect(isGone(call)).toBe(false);
    expect(isGone(gone)).toBe(true);
    expect(gone).toEqual({
      ...call,
      retryAt: null,
      removal: 'ended',
      goneAt: NOW,
      resultInfo: null,
    });
  });

  test('is stopped for the apps of the last sender, however it was removed first', () => {
    const first = { ...forget(aCall(), 'ended', NOW), registration: 'r2' };
    const limited = { ...first, registration: 'r3', onlyApps: ['default'] };
    for (const joined of [joinEnds(first, limited), joinEnds(limited, first)]) {
      expect(covers(joined, aCall({ registration: 'r3' }))).toBe(true);
      expect(covers(joined, aCall({ registration: 'r3', app: 'other' }))).toBe(false);
    }
    const unlimited = { ...first, registration: 'r4' };
    expect(covers(joinEnds(limited, unlimited), aCall({ app: 'other' }))).toBe(true);
  });
});
