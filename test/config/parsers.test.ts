import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { durationText } from '../../src/calls/wording.ts';
import { duration, oneOf } from '../../src/config/parsers.ts';

describe('a duration', () => {
  test.each([
    [0, '0ms'],
    [1, '1ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [1_500, '1500ms'],
    [90_000, '90s'],
    [900_000, '15m'],
    [3_600_000, '1h'],
    [5_400_000, '90m'],
    [86_400_000, '24h'],
  ])('of %d ms is written %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });

  test('as written is read as the same duration', () => {
    const any = fc.integer({ min: 0, max: 86_400_000 });
    const { parse } = duration(0, 86_400_000);
    fc.assert(fc.property(any, (ms) => parse(durationText(ms)) === ms));
  });

  test.each(['', '15', 'm', '1.5h', '-1s', '1 s', '1S', '1d', '1m30s'])('is not %j', (text) => {
    expect(() => duration(0, 86_400_000).parse(text)).toThrow(
      `must be a duration such as 500ms, 5s, 15m or 1h, from 0ms to 24h, not ${JSON.stringify(text)}`,
    );
  });
});

describe('one of several values', () => {
  const { parse } = oneOf(['a', 'b'], { first: 'a' });

  test('may have another name', () => {
    expect(['a', 'b', 'first'].map(parse)).toEqual(['a', 'b', 'a']);
  });

  test.each(['A', 'c', 'toString', '__proto__'])('is not %j', (text) => {
    expect(() => parse(text)).toThrow(`must be one of a, b, first, not "${text}"`);
  });
});
