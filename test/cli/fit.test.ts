import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cut, shorten, widthOf } from '../../src/cli/fit.ts';

const TEXT = fc.string({ unit: fc.constantFrom('a', 'Z', '会', 'ü', 'e\u0301', '🙂', ' ') });

test.each([
  ['abc', 3],
  ['会議室', 6],
  ['e\u0301', 1],
  ['🙂', 2],
  ['ｆｕｌｌ', 8],
])('%j takes %i columns', (text, columns) => {
  expect(widthOf(text)).toBe(columns);
});

test.each([
  ['abcdefgh', 8, 'end', 'abcdefgh'],
  ['abcdefgh', 5, 'end', 'abcd…'],
  ['abcdefgh', 5, 'middle', 'ab…gh'],
  ['会議室の予定', 6, 'end', '会議…'],
  ['abcdefgh', 1, 'middle', '…'],
  ['abcdefgh', 0, 'end', ''],
] as const)('%j in %i columns, cut in the %s, is %j', (text, columns, where, short) => {
  expect(shorten(text, columns, where)).toBe(short);
});

test('no text is wider than it was cut to', () => {
  fc.assert(
    fc.property(TEXT, fc.nat(30), fc.boolean(), (text, columns, atEnd) => {
      const short = shorten(text, columns, atEnd ? 'end' : 'middle');
      expect(widthOf(short)).toBeLessThanOrEqual(columns);
      expect(widthOf(cut(text, columns))).toBeLessThanOrEqual(columns);
    }),
  );
});

test('a painted line keeps its colours when it is cut', () => {
  const line = '\x1b[1mbold\x1b[22m and \x1b[31m会議室\x1b[39m';
  expect(cut(line, 12)).toBe('\x1b[1mbold\x1b[22m and \x1b[31m会\x1b[39m');
  expect(stripVTControlCharacters(cut(line, 2))).toBe('bo');
});
