import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_RETRY_AFTER_MS, parseRetryAfter } from '../../src/headers/retry-after.ts';

const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);

describe('Retry-After', () => {
  test.each([
    ['0', 0],
    ['120', 120_000],
    ['2.128', 2128],
    [' 7 ', 7000],
    ['0.0001', 1],
    ['999999999999', MAX_RETRY_AFTER_MS],
    ['9'.repeat(400), MAX_RETRY_AFTER_MS],
    ['-5', null],
    ['1e3', null],
    ['0x10', null],
    ['NaN', null],
    ['soon', null],
    ['', null],
    ['12, 13', null],
    ['2026-01-15T12:00:10Z', null],
  ])('of %j is %j ms', (value, expected) => {
    expect(parseRetryAfter(value, null, NOW)).toBe(expected);
  });

  test.each([
    'Thu, 15 Jan 2026 12:00:10 GMT',
    'Thursday, 15-Jan-26 12:00:10 GMT',
    'Thu Jan 15 12:00:10 2026',
  ])('as the date %j is measured from our clock where the answer has no Date', (value) => {
    expect(parseRetryAfter(value, null, NOW)).toBe(10_000);
  });

  test('as a date is measured from the Date of the answer, whatever our clock says', () => {
    const date = 'Thu, 15 Jan 2026 12:00:00 GMT';
    const until = 'Thu, 15 Jan 2026 12:00:30 GMT';
    expect(parseRetryAfter(until, date, NOW + 3_600_000)).toBe(30_000);
    expect(parseRetryAfter(until, 'garbage', NOW)).toBe(30_000);
  });

  test('in the past means at once, in years means the most that is waited', () => {
    expect(parseRetryAfter('Thu, 15 Jan 2015 12:00:00 GMT', null, NOW)).toBe(0);
    expect(parseRetryAfter('Fri, 15 Jan 2999 12:00:00 GMT', null, NOW)).toBe(MAX_RETRY_AFTER_MS);
  });

  test('that is absent is null', () => {
    expect(parseRetryAfter(null, 'Thu, 15 Jan 2026 12:00:00 GMT', NOW)).toBeNull();
  });

  test('of anything is null or an integer within its bounds', () => {
    const dateText = fc.date({ noInvalidDate: true }).map((date) => date.toUTCString());
    const value = fc.oneof(fc.string(), fc.double().map(String), dateText);
    fc.assert(
      fc.property(value, fc.option(value), fc.integer(), (retryAfter, date, now) => {
        const wait = parseRetryAfter(retryAfter, date, now);
        const isBounded = wait !== null && wait >= 0 && wait <= MAX_RETRY_AFTER_MS;
        return wait === null || (isBounded && Number.isInteger(wait));
      }),
    );
  });
});
