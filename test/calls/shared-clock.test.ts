import { performance } from 'node:perf_hooks';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SharedClock } from '../../src/calls/shared-clock.ts';

const STEP_MS = 15_000;
const SETTLE_MS = 45 * 60_000;
const HOUR = 60 * 60_000;
const NEAR = 1_000;

/** Never −0. */
const rounded = (ms: number) => Math.round(ms / NEAR) + 0;

/** A clock that reads Redis's whenever the test says so: how far that is ahead, and how much later. */
function aClock() {
  const clock = new SharedClock(STEP_MS, SETTLE_MS);
  const start = Math.round(performance.now()); // sums of whole numbers are exact
  const startMs = Date.now();
  let at = start;
  const read = (aheadMs: number, laterMs = 1_000) => {
    at += laterMs;
    clock.setBy(startMs + (at - start) + aheadMs, at, at);
    return {
      ahead: rounded(clock.now() - Date.now()),
      settled: rounded(clock.settledNow() - Date.now()),
    };
  };
  return { clock, read };
}

describe('the settled clock', () => {
  const hour = HOUR / NEAR;

  test('follows Redis’s while that takes no step', () => {
    const { read } = aClock();
    expect(read(0)).toEqual({ ahead: 0, settled: 0 });
    for (let i = 1; i <= 20; i++)
      expect(read(i * 10_000)).toEqual({ ahead: 10 * i, settled: 10 * i });
  });

  test('does not follow a step forward for one deadline, and then does', () => {
    const { read } = aClock();
    read(0);
    expect(read(HOUR)).toEqual({ ahead: hour, settled: 0 });
    expect(read(HOUR, SETTLE_MS - 1)).toEqual({ ahead: hour, settled: 0 });
    expect(read(HOUR, 1)).toEqual({ ahead: hour, settled: hour });
  });

  test('ignores a step forward that is taken back', () => {
    const { read } = aClock();
    read(0);
    read(HOUR);
    expect(read(0)).toEqual({ ahead: 0, settled: 0 });
    expect(read(0, 2 * SETTLE_MS)).toEqual({ ahead: 0, settled: 0 });
  });

  test('follows a step back at once: it makes nothing too early', () => {
    const { read } = aClock();
    read(0);
    expect(read(-HOUR)).toEqual({ ahead: -hour, settled: -hour });
    // And back again, which is one forward.
    expect(read(0)).toEqual({ ahead: 0, settled: -hour });
  });

  test('does not believe the first reading either: a replica may start during a step', () => {
    const { read } = aClock();
    expect(read(HOUR)).toEqual({ ahead: hour, settled: 0 });
  });

  test('waits for a deadline after the second of two steps', () => {
    const { read } = aClock();
    read(0);
    read(HOUR);
    expect(read(2 * HOUR, SETTLE_MS - 1)).toEqual({ ahead: 2 * hour, settled: 0 });
    expect(read(2 * HOUR, SETTLE_MS - 1)).toEqual({ ahead: 2 * hour, settled: 0 });
    expect(read(2 * HOUR, 1)).toEqual({ ahead: 2 * hour, settled: 2 * hour });
  });

  test('is never ahead of now, whatever is read, and meets it after a deadline without a step', () => {
    const reading = fc.tuple(
      fc.integer({ min: -3 * HOUR, max: 3 * HOUR }),
      fc.integer({ min: 1, max: SETTLE_MS }),
    );
    fc.assert(
      fc.property(fc.array(reading), (readings) => {
        const { clock, read } = aClock();
        let last = 0;
        for (const [aheadMs, laterMs] of readings) {
          read(aheadMs, laterMs);
          expect(clock.settledNow()).toBeLessThanOrEqual(clock.now());
          last = aheadMs;
        }
        read(last);
        read(last, SETTLE_MS);
        expect(Math.abs(clock.now() - clock.settledNow())).toBeLessThan(NEAR);
      }),
    );
  });
});
