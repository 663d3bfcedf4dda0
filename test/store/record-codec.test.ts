import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { merge } from '../../src/calls/merge.ts';
import {
  ALL_APPS,
  type CallError,
  type CallRecord,
  emptyRecord,
  failureOf,
  renewalOf,
} from '../../src/calls/record.ts';
import {
  decodeRecord,
  encodeRecord,
  laterOf,
  readHead,
  renewedText,
} from '../../src/store/record-codec.ts';
import { UnreadableError } from '../../src/store/stored-text.ts';
import { aCall, anError, aRemovedCall, NOW, recordOf } from '../calls/fixture.ts';

const ID = 'call-0001';

const instant = fc.integer({ min: 0, max: 8_640_000_000_000 });
const text = fc.string({ unit: 'grapheme' });
const app = fc.string({ unit: 'grapheme' }).filter((name) => !name.includes('\n'));
const someError: fc.Arbitrary<CallError> = fc.record({
  at: instant,
  status: fc.option(fc.integer({ min: 100, max: 599 })),
  code: fc.option(text),
  message: text,
  requestId: fc.option(text),
  clientRequestId: fc.option(text),
  diagnostic: fc.option(text),
  date: fc.option(text),
});
/** As JSON.parse makes it: `__proto__` is a name like others. */
const named = <T>(names: fc.Arbitrary<string>, values: fc.Arbitrary<T>) =>
  fc
    .array(fc.tuple(names, values))
    .map((pairs) => pairs.map((pair) => pair.map((one) => JSON.stringify(one)).join(':')))
    .map((members) => JSON.parse(`{${members.join(',')}}`) as Record<string, T>);
const aStop = fc.record({
  generation: text,
  at: instant,
  reason: fc.constantFrom('request' as const, 'notification' as const, 'owner-lost' as const),
  resultInfo: fc.option(fc.record({ code: fc.nat(), subcode: fc.option(fc.nat()), message: text })),
});
const anyRecord: fc.Arbitrary<CallRecord> = fc.record({
  id: fc.constant(ID),
  tracking: fc.option(
    fc.record({
      generation: text,
      app,
      tenantId: text,
      tenantIsDefault: fc.boolean(),
      trackedAt: instant,
      startedAt: fc.option(instant),
      trackUntil: fc.option(instant),
      labels: named(fc.oneof(text, fc.constantFrom('__proto__', 'constructor')), text),
      webhookUrl: fc.option(fc.webUrl()),
      owner: fc.option(fc.stringMatching(/^[A-Za-z0-9._:-]{3,20}$/)),
    }),
  ),
  stops: named(fc.oneof(fc.constant(ALL_APPS), app), aStop),
  ending: fc.option(
    fc.record({ generation: text, sentAt: instant, at: instant, error: someError }),
  ),
  expiry: fc.option(fc.record({ generation: text, renewedAt: instant, at: instant })),
  renewedAt: fc.option(fc.integer({ min: 1, max: 8_640_000_000_000 })),
  failure: fc.option(
    fc.record({
      at: instant,
      count: fc.nat(),
      retryAt: instant,
      atRiskAt: fc.option(instant),
      error: someError,
    }),
  ),
});

describe('a record', () => {
  test('comes out of its encoding as it went in', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const encoded = encodeRecord(record);
        expect(decodeRecord(ID, encoded)).toEqual(record);
        expect(encodeRecord(decodeRecord(ID, encoded))).toBe(encoded);
      }),
      { numRuns: 1_000 },
    );
  });

  test('has a head that says what the record says', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const { tracking } = record;
        const failure = failureOf(record);
        const orNull = (at: number | null | undefined) => at ?? null;
        expect(readHead(encodeRecord(record))).toEqual({
          app: tracking?.app ?? '',
          trackedAt: tracking?.trackedAt ?? 0,
          startedAt: orNull(tracking?.startedAt),
          trackUntil: orNull(tracking?.trackUntil),
          renewedAt: orNull(renewalOf(record)),
          failedAt: orNull(failure?.at),
          retryAt: orNull(failure?.retryAt),
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('that has nothing special takes little room', () => {
    const call = aCall({ generation: 'mlxkq1v3f0abc', renewedAt: NOW });
    expect(encodeRecord(recordOf(call)).length).toBeLessThanOrEqual(110);
  });

  test('is merged as a text only if the merge of the records has that text', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, fc.boolean(), instant, (a, other, isSame, latest) => {
        const b = isSame ? { ...a, renewedAt: other.renewedAt } : other;
        const texts = [encodeRecord(a), encodeRecord(b)] as const;
        const later = laterOf(...texts, latest);
        if (later === null) return;
        const both = merge(decodeRecord(ID, texts[0]), decodeRecord(ID, texts[1]));
        expect(later).toBe(encodeRecord(both));
        expect(both.renewedAt ?? 0).toBeLessThanOrEqual(latest);
      }),
      { numRuns: 1_000 },
    );
  });

  test('of a call that is tracked and does not fail is merged and renewed as a text', () => {
    const [early, late] = [NOW, NOW + 1].map((renewedAt) =>
      encodeRecord(recordOf(aCall({ renewedAt }))),
    ) as [string, string];
    const never = encodeRecord(recordOf(aCall({ renewedAt: null })));
    expect([laterOf(early, late, NOW + 1), laterOf(late, early, NOW + 1)]).toEqual([late, late]);
    expect([laterOf(never, early, NOW), laterOf(early, never, NOW)]).toEqual([early, early]);
    expect(laterOf(early, late, NOW)).toBeNull(); // a clock was wrong
    expect(renewedText(never, NOW + 1, NOW + 1)).toBe(late);
    expect(renewedText(late, NOW, NOW + 1)).toBe(late);
  });

  test.each([
    ['fails', recordOf(aCall({ consecutiveFailures: 1, failedAt: NOW + 1, renewedAt: NOW }))],
    ['was removed', recordOf(aRemovedCall({ renewedAt: NOW }))],
  ])('of a call that %s is never merged or renewed as a text', (_, record) => {
    const texts = [encodeRecord(record), encodeRecord({ ...record, renewedAt: NOW + 9 })] as const;
    expect(laterOf(...texts, Number.POSITIVE_INFINITY)).toBeNull();
    expect(renewedText(texts[0], NOW + 9, Number.POSITIVE_INFINITY)).toBeNull();
  });

  test('with labels of hostile names pollutes nothing', () => {
    const labels = JSON.parse('{"__proto__":"p","constructor":"c"}') as Record<string, string>;
    const decoded = decodeRecord(ID, encodeRecord(recordOf(aCall({ labels }))));
    const read = decoded.tracking?.labels ?? {};
    expect(Object.entries(read)).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).p).toBeUndefined();
  });
});

const GOOD = encodeRecord(
  recordOf(aCall({ renewedAt: NOW, consecutiveFailures: 1, failedAt: NOW + 1 })),
);
const [HEAD = '', BODY = ''] = GOOD.split('\n');
const [INSTANTS, WORD, , FAILED] = JSON.parse(BODY) as [number[], unknown[], object, unknown[]];
const withBody = (body: unknown) => {
  const count = Array.isArray(body) ? body.length : 4;
  return `1${count}${HEAD.slice(2)}\n${JSON.stringify(body)}`;
};

describe('a text is not read as a record', () => {
  test.each<[string, string]>([
    ['that is empty', ''],
    ['that is garbage', '\u0000\u0001 garbage'],
    ['that has a head alone', HEAD],
    ['that was cut off', GOOD.slice(0, -5)],
    ['of a version before the first', `0${GOOD.slice(1)}`],
    ['whose body is a number', withBody(42)],
    ['whose body is null', withBody(null)],
    ['whose body is a text', withBody('record')],
    ['whose body is an object', withBody({ ...emptyRecord('call-0002'), id: 'call-0002' })],
    ['whose body is empty', withBody([])],
    ['without instants', withBody([null, WORD])],
    ['whose instants are a number', withBody([NOW, WORD])],
    ['whose instants are an object', withBody([{ trackedAt: NOW }, WORD])],
    ['without the instants of its tracking', withBody([[], WORD])],
    ['without the instant of its failure', withBody([[NOW], WORD, {}, [1, null, anError()]])],
    ['whose stops are a number', withBody([INSTANTS, WORD, 1])],
    ['whose tracking is a text', withBody([INSTANTS, 'r1'])],
    ['whose tracking is an object', withBody([INSTANTS, recordOf(aCall()).tracking])],
    ['whose tracking lacks its parts', withBody([INSTANTS, ['r1']])],
    ['whose labels are a list', withBody([INSTANTS, ['r1', 't', true, ['x']]])],
    ['whose labels are numbers', withBody([INSTANTS, ['r1', 't', true, { x: 1 }]])],
    ['that was tracked at a text', withBody([['now'], WORD])],
    ['that was renewed at a text', GOOD.replace(String(NOW), 'now-now-now-0')],
    ['with fewer parts than it says', `15${GOOD.slice(2)}`],
    ['with more parts than it says', withBody([INSTANTS, WORD, {}, FAILED]).replace('14', '12')],
    ['whose failure is a number', withBody([INSTANTS, WORD, {}, 3])],
    ['without an app', GOOD.replace('@', '')],
    ['whose owner has a name that no owner has', GOOD.replace('@', 'bad name@')],
    ['whose stop has no reason we know', withBody([[], null, { '*': { generation: 'r', at: 1 } }])],
  ])('%s', (_, value) => {
    expect(() => decodeRecord(ID, value)).toThrow(UnreadableError);
    expect(() => decodeRecord(ID, value)).toThrow(expect.objectContaining({ newer: false }));
  });

  test('under what is not the id of a call', () => {
    expect(() => decodeRecord('', GOOD)).toThrow(UnreadableError);
    expect(() => decodeRecord('call 0001', GOOD)).toThrow(UnreadableError);
  });

  test('of a newer version, which has its own error', () => {
    expect(() => decodeRecord(ID, `2${GOOD.slice(1)}`)).toThrow(
      expect.objectContaining({ newer: true, message: 'it has version "2", not 1' }),
    );
  });

  test('whatever it is, without any other error than that it is unreadable', () => {
    const parts = fc.array(
      fc.oneof(fc.jsonValue(), fc.constantFrom(null, {}, [], ['r1', 'a'], NOW, INSTANTS, WORD)),
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.json(), parts.map(withBody)),
        (value) => {
          try {
            const record = decodeRecord(ID, value);
            expect(decodeRecord(ID, encodeRecord(record))).toEqual(record);
            expect(readHead(encodeRecord(record)).app).toBe(record.tracking?.app ?? '');
          } catch (error) {
            if (!(error instanceof UnreadableError)) throw error;
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('without the fields that this version does not know yet, which a later one put at the end', () => {
    const record = recordOf(aCall({ webhookUrl: 'https://bot.example/hook', renewedAt: NOW }));
    const [, body = ''] = encodeRecord(record).split('\n');
    const [instants = [], word = []] = JSON.parse(body) as unknown[][];
    while (instants.length < 5) instants.push(null);
    const longer = [
      [...instants, NOW],
      [...word, 'new in a tracking'],
      {},
      null,
      null,
      null,
      'new',
    ];
    expect(decodeRecord(ID, withBody(longer))).toEqual(record);
  });
});

test('an error of Graph is kept with all that Microsoft asks for', () => {
  const lastError = anError({ diagnostic: '{"ServerInfo":{}}', date: 'Tue, 03 Feb 2026 04:05:06' });
  const record = recordOf(aCall({ consecutiveFailures: 2, lastError }));
  expect(decodeRecord(ID, encodeRecord(record)).failure?.error).toEqual(lastError);
});
