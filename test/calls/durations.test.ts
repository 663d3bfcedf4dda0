import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { durationsFor, latestCatchUpMs } from '../../src/calls/durations.ts';
import { slotWidthMs } from '../../src/calls/wheel.ts';
import { readConfig } from '../../src/config/config.ts';

test('every duration is a positive whole number of ms, for any interval and deadline', () => {
  const interval = fc.integer({ min: 1_000, max: 6 * 3_600_000 });
  fc.assert(
    fc.property(interval, fc.double({ min: 1.5, max: 10, noNaN: true }), (intervalMs, times) => {
      const { graph, ...others } = durationsFor(intervalMs, Math.ceil(intervalMs * times));
      for (const [name, ms] of Object.entries({ ...graph, ...others })) {
        expect(Number.isInteger(ms) && ms > 0, `${name}: ${ms}`).toBe(true);
      }
    }),
  );
});

describe('with an interval and a deadline that the start accepts', () => {
  const env = {
    AZURE_TENANT_ID: '11111111-1111-4111-8111-111111111111',
    AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
    AZURE_CLIENT_SECRET: 'secret',
  };
  const isAccepted = (intervalMs: number, deadlineMs: number) => {
    const of = { KEEPALIVE_INTERVAL: `${intervalMs}ms`, KEEPALIVE_DEADLINE: `${deadlineMs}ms` };
    try {
      return readConfig({ ...env, ...of }).intervalMs === intervalMs;
    } catch {
      return false;
    }
  };
  /** All pairs around the edge of what is accepted, and all between. */
  const pair = fc
    .tuple(fc.integer({ min: 1_000, max: 2_700_000 }), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([intervalMs, share]) => {
      const least = Math.ceil(1.5 * intervalMs) - 2;
      return [intervalMs, Math.round(least + share ** 3 * (2_700_000 - least))] as const;
    });
  const always = (holds: (intervalMs: number, deadlineMs: number) => void) =>
    fc.assert(
      fc.property(
        pair.filter(([intervalMs, deadlineMs]) => isAccepted(intervalMs, deadlineMs)),
        ([intervalMs, deadlineMs]) => holds(intervalMs, deadlineMs),
      ),
      { numRuns: 500 },
    );

  test('the watch makes up for a missed turn before the deadline', () => {
    always((intervalMs, deadlineMs) => {
      expect(latestCatchUpMs(intervalMs, deadlineMs)).toBeLessThan(deadlineMs - intervalMs);
    });
  });

  test('a timely visit is over when the watch looks, and a lock has expired after two more looks', () => {
    always((intervalMs, deadlineMs) => {
      const { watchGraceMs, graph } = durationsFor(intervalMs, deadlineMs);
      const widthMs = slotWidthMs({ intervalMs, slots: 256 });
      expect(watchGraceMs).toBeGreaterThanOrEqual(widthMs + graph.totalMs);
    });
  });

  test('a turn does not count as missed before a machine with a tolerable clock would take it', () => {
    always((intervalMs, deadlineMs) => {
      const { turnGraceMs, skewMs } = durationsFor(intervalMs, deadlineMs);
      expect(turnGraceMs).toBeGreaterThanOrEqual(skewMs);
    });
  });

  test.each([
    ['15 and 45 minutes', 900_000, 2_700_000],
    ['the longest interval', 1_800_000, 2_700_000],
    ['the shortest', 1_000, 1_500],
    ['the shortest interval with the longest deadline', 1_000, 2_700_000],
    ['those of the fault suite', 4_000, 12_000],
  ])('%s are accepted', (_, intervalMs, deadlineMs) => {
    expect(isAccepted(intervalMs, deadlineMs)).toBe(true);
  });
});
