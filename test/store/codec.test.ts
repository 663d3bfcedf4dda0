import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call, CallError, GoneCall, Removal } from '../../src/calls/call.ts';
import { decodeCall, decodeGoneCall, encodeCall, UnreadableError } from '../../src/store/codec.ts';
import { aCall, aGoneCall, NOW, TENANT } from '../calls/fixture.ts';

const instant = fc.integer({ min: 0, max: 8_640_000_000_000 });
const text = fc.string({ unit: 'grapheme' });
const anError: fc.Arbitrary<CallError> = fc.record({
  at: instant,
  status: fc.option(fc.integer({ min: 100, max: 599 })),
  code: fc.option(text),
  message: text,
  requestId: fc.option(text),
  clientRequestId: fc.option(text),
  diagnostic: fc.option(text),
  date: fc.option(text),
});
const labels = fc
  .array(fc.tuple(fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'v')), text))
  .map(
    (pairs) =>
      JSON.parse(
        `{${pairs.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)}}`,
      ) as Record<string, string>,
  );
const anyCall: fc.Arbitrary<Call> = fc.record({
  id: fc.stringMatching(/^[a-z0-9]{8}$/),
  app: text,
  tenantId: text,
  tenantIsDefault: fc.boolean(),
  labels,
  webhookUrl: fc.option(fc.webUrl()),
  registration: text,
  trackedAt: instant,
  startedAt: fc.option(instant),
  trackUntil: fc.option(instant),
  renewedAt: fc.option(instant),
  retryAt: fc.option(instant),
  consecutiveFailures: fc.nat(),
  atRiskAt: fc.option(instant),
  lastError: fc.option(anError),
});
const anyGone: fc.Arbitrary<GoneCall> = fc
  .tuple(
    anyCall,
    fc.constantFrom<Removal>('ended', 'expired', 'untracked'),
    instant,
    fc.option(fc.record({ code: fc.nat(), subcode: fc.option(fc.nat()), message: text })),
    fc.option(fc.array(text), { nil: undefined }),
  )
  .map(([call, removal, goneAt, resultInfo, onlyApps]) => ({
    ...call,
    removal,
    goneAt,
    resultInfo,
    onlyApps,
  }));

describe('a call', () => {
  test('comes out of its encoding as it went in', () => {
    fc.assert(
      fc.property(anyCall, (call) => {
        expect(decodeCall(call.id, encodeCall(call))).toEqual(call);
        expect(encodeCall(decodeCall(call.id, encodeCall(call)))).toBe(encodeCall(call));
      }),
    );
  });

  test('that has left does so too', () => {
    fc.assert(
      fc.property(anyGone, (gone) => {
        expect(decodeGoneCall(gone.id, encodeCall(gone))).toEqual(gone);
      }),
    );
  });

  test('without anything special takes little room', () => {
    const call = aCall({ registration: 'mlxkq1v3f0abc', renewedAt: NOW });
    expect(encodeCall(call).length).toBeLessThanOrEqual(150);
  });

  test('with labels of hostile names pollutes nothing', () => {
    const hostile = JSON.parse('{"__proto__":"p","constructor":"c"}') as Record<string, string>;
    const decoded = decodeCall('call-0001', encodeCall(aCall({ labels: hostile })));
    expect(Object.entries(decoded.labels)).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
    expect(Object.getPrototypeOf(decoded.labels)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).p).toBeUndefined();
  });
});

const GOOD = { v: 1, a: 'default', t: TENANT, r: 'r1', at: NOW };

describe('a value is not taken for a call', () => {
  test.each<[string, string, string]>([
    ['that is empty', '', 'not JSON'],
    ['that is garbage', '\u0000\u0001 garbage', 'not JSON'],
    ['that was cut off', encodeCall(aCall()).slice(0, -5), 'not JSON'],
    ['that is a number', '42', 'not an encoded call'],
    ['that is null', 'null', 'not an encoded call'],
    ['that is a text', '"call"', 'not an encoded call'],
    ['that is a list', '[]', 'not an encoded call'],
    ['that is some other object', '{"id":"x"}', 'not an encoded call'],
    [
      'of a format before the first',
      JSON.stringify({ ...GOOD, v: 0 }),
      'field v is not as written by us',
    ],
    [
      'whose format is a text',
      JSON.stringify({ ...GOOD, v: '2' }),
      'field v is not as written by us',
    ],
    [
      'without an app',
      JSON.stringify({ ...GOOD, a: undefined }),
      'field a is not as written by us',
    ],
    ['without a tenant', JSON.stringify({ ...GOOD, t: 7 }), 'field t is not as written by us'],
    [
      'without a registration',
      JSON.stringify({ ...GOOD, r: null }),
      'field r is not as written by us',
    ],
    [
      'tracked at no instant',
      JSON.stringify({ ...GOOD, at: '2026' }),
      'field at is not as written by us',
    ],
    [
      'tracked at infinity',
      JSON.stringify(GOOD).replace(`${NOW}`, '1e999'),
      'field at is not as written by us',
    ],
    [
      'with labels that are no texts',
      JSON.stringify({ ...GOOD, l: { a: 1 } }),
      'field l is not as written by us',
    ],
    [
      'with labels that are null',
      JSON.stringify({ ...GOOD, l: null }),
      'field l is not as written by us',
    ],
    [
      'with a list for labels',
      JSON.stringify({ ...GOOD, l: ['a'] }),
      'field l is not as written by us',
    ],
    [
      'with a webhook that is no text',
      JSON.stringify({ ...GOOD, w: {} }),
      'field w is not as written by us',
    ],
    [
      'renewed at a text',
      JSON.stringify({ ...GOOD, k: 'soon' }),
      'field k is not as written by us',
    ],
    [
      'tried again at null',
      JSON.stringify({ ...GOOD, n: null }),
      'field n is not as written by us',
    ],
    [
      'with failures that are no number',
      JSON.stringify({ ...GOOD, f: true }),
      'field f is not as written by us',
    ],
    [
      'with an error that is a text',
      JSON.stringify({ ...GOOD, e: 'oh' }),
      'field e is not as written by us',
    ],
    [
      'with an error that lacks its parts',
      JSON.stringify({ ...GOOD, e: {} }),
      'field e is not as written by us',
    ],
    ['at risk since a list', JSON.stringify({ ...GOOD, z: [] }), 'field z is not as written by us'],
    [
      'that left in no way we know',
      JSON.stringify({ ...GOOD, x: ['lost', 1] }),
      'field x is not as written by us',
    ],
    [
      'that left at no instant',
      JSON.stringify({ ...GOOD, x: ['ended'] }),
      'field x is not as written by us',
    ],
  ])('%s', (_, value, message) => {
    expect(() => decodeCall('call-0001', value)).toThrow(UnreadableError);
    expect(() => decodeCall('call-0001', value)).toThrow(message);
  });

  test('of a format that is newer than ours, and that is told apart', () => {
    const newer = JSON.stringify({ v: 2, something: 'else' });
    expect(() => decodeCall('call-0001', newer)).toThrow(
      expect.objectContaining({ newer: true, message: 'format 2 is newer than 1' }),
    );
    expect(() => decodeCall('call-0001', '{}')).toThrow(expect.objectContaining({ newer: false }));
  });

  test('that has left, where it has not', () => {
    expect(() => decodeGoneCall('call-0001', encodeCall(aCall()))).toThrow(UnreadableError);
    expect(decodeGoneCall('call-0001', encodeCall(aGoneCall())).removal).toBe('ended');
  });

  test('whatever it is, without any other error than that it is unreadable', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.json(),
          fc
            .dictionary(
              fc.constantFrom('v', 'a', 't', 'r', 'at', 'l', 'x', 'e', 'k'),
              fc.jsonValue(),
            )
            .map((value) => JSON.stringify({ ...GOOD, ...value })),
        ),
        (value) => {
          try {
            const call = decodeCall('call-0001', value);
            expect(decodeCall('call-0001', encodeCall(call))).toEqual(call);
          } catch (error) {
            if (!(error instanceof UnreadableError)) throw error;
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
