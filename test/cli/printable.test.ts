import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable, printableJson } from '../../src/cli/printable.ts';

const TEXT = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\x1b', '\u009b', '\n', '\r', '\u202e', '\u2066', '\ud800', 'a'),
  }),
);
const DANGEROUS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

test.each([
  ['\x1b[31mred\x07', '\\u{1b}[31mred\\u{7}'],
  ['two\r\nlines', 'two\\u{d}\\u{a}lines'],
  ['\u009b2J', '\\u{9b}2J'],
  ['abc\u202edcba', 'abc\\u{202e}dcba'],
  ['Raum Süd, 会議室', 'Raum Süd, 会議室'],
])('%j is shown as %s', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('nothing that a terminal would act on is left of any text', () => {
  fc.assert(fc.property(TEXT, (text) => !DANGEROUS.test(printable(text))));
});

test('JSON of any text is still that, and nothing that a terminal would act on', () => {
  fc.assert(
    fc.property(TEXT, (text) => {
      const json = printableJson({ [text]: text });
      expect(DANGEROUS.test(json)).toBe(false);
      expect(JSON.parse(json)).toEqual({ [text]: text });
    }),
  );
});
