import { expect, test } from 'vitest';
import { parseInstant } from '../../src/calls/instant.ts';

test.each([
  ['2026-02-03T04:05:06Z', Date.UTC(2026, 1, 3, 4, 5, 6)],
  ['2026-02-03t04:05:06.7z', Date.UTC(2026, 1, 3, 4, 5, 6, 700)],
  ['2026-02-03T04:05:06.1234567+00:00', Date.UTC(2026, 1, 3, 4, 5, 6, 123)],
  ['2026-02-03T04:05:06.789-08:30', Date.UTC(2026, 1, 3, 12, 35, 6, 789)],
  ['2024-02-29T23:59:59Z', Date.UTC(2024, 1, 29, 23, 59, 59)],
])('%s is read', (text, at) => {
  expect(parseInstant(text)).toBe(at);
});

test.each([
  ['', 'nothing'],
  ['2026-02-03', 'no time'],
  ['2026-02-03T04:05:06', 'no zone'],
  ['2026-02-03 04:05:06Z', 'a space'],
  ['2026-02-03T04:05Z', 'no seconds'],
  ['2026-02-30T04:05:06Z', '30 February'],
  ['2025-02-29T04:05:06Z', 'no leap year'],
  ['2026-13-01T04:05:06Z', 'month 13'],
  ['2026-00-10T04:05:06Z', 'month 0'],
  ['2026-02-03T24:00:00Z', 'hour 24'],
  ['2026-12-31T23:59:60Z', 'a leap second'],
  ['2026-02-03T04:05:06+24:00', 'an offset of a day'],
  ['2026-02-03T04:05:06Z\n', 'a line end'],
  ['+012026-02-03T04:05:06Z', 'a year of six digits'],
  ['0001-01-01T00:00:00Z', 'DateTime.MinValue'],
  ['9999-12-31T23:59:59Z', 'DateTime.MaxValue'],
  ['2026-02-03T04:05:06.Z', 'an empty fraction'],
  ['1770091506', 'epoch seconds'],
])('%j is refused: %s', (text) => {
  expect(parseInstant(text)).toBeNull();
});
