import fc from 'fast-check';
import { expect, test } from 'vitest';
import { periods } from '../src/periods.ts';

test('every period is of whole ms, and some, whatever the interval and the deadline', () => {
  const interval = fc.integer({ min: 1_000, max: 6 * 3_600_000 });
  fc.assert(
    fc.property(interval, fc.double({ min: 1.5, max: 10, noNaN: true }), (intervalMs, times) => {
      const { graph, ...others } = periods(intervalMs, Math.ceil(intervalMs * times));
      for (const [name, ms] of Object.entries({ ...graph, ...others })) {
        expect(Number.isInteger(ms) && ms > 0, `${name}: ${ms}`).toBe(true);
      }
    }),
  );
});
