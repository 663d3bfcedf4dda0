import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseInstant } from '../../src/calls/instant.ts';
import { formatInstant } from '../../src/http/instant.ts';

test('an instant is written as JavaScript does it', () => {
  const instants = fc.integer({ min: Date.UTC(1960, 0, 1), max: Date.UTC(9999, 0, 1) });
  fc.assert(fc.property(instants, (at) => formatInstant(at) === new Date(at).toISOString()));
  expect(() => formatInstant(Number.NaN)).toThrow(RangeError);
});

test('a formatted instant is parsed as the same instant', () => {
  const instants = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2100, 0, 1) - 1 });
  fc.assert(fc.property(instants, (at) => parseInstant(formatInstant(at)) === at));
});
