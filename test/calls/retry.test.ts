import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextRetryAt, retryPolicy } from '../../src/calls/retry.ts';
import { DEADLINE_MS, failed, MINUTE, NOW, POLICY, refused, SECOND, throttled } from './fixture.ts';

const aPolicy = fc
  .record({
    intervalMs: fc.integer({ min: 1_000, max: 1_800_000 }),
    share: fc.double({ min: 1.5, max: 4, noNaN: true }),
  })
  .map(({ intervalMs, share }) => {
    const deadlineMs = Math.ceil(intervalMs * share);
    return { deadlineMs, policy: retryPolicy(intervalMs, deadlineMs) };
  });
const anOutcome = fc.oneof(
  fc.constant(failed(NOW)),
  fc.constant(failed(null)),
  fc.constant(refused(NOW)),
  fc.option(fc.nat({ max: 10_000_000 })).map((ms) => throttled(NOW, ms)),
);
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const failures = fc.integer({ min: 1, max: 10_000 });

describe('the policy', () => {
  test('at 15 and 45 minutes is what the page says', () => {
    expect(retryPolicy(15 * MINUTE, 45 * MINUTE)).toEqual({
      floorMs: 1 * SECOND,
      capMs: 1 * MINUTE,
      refusedCapMs: 5 * MINUTE,
      reserveMs: 5 * MINUTE,
      firstMs: 5 * SECOND,
    });
  });

  test('grows with the interval and keeps its order', () => {
    fc.assert(
      fc.property(aPolicy, ({ policy, deadlineMs }) => {
        expect(policy.floorMs).toBeGreaterThan(0);
        expect(policy.floorMs).toBeLessThanOrEqual(policy.capMs);
        expect(policy.capMs).toBeLessThanOrEqual(policy.refusedCapMs);
        expect(policy.refusedCapMs).toBeLessThan(deadlineMs);
        expect(policy.reserveMs).toBeLessThan(deadlineMs / 2);
      }),
    );
  });
});

describe('the next attempt of a failing call', () => {
  test('is never past the deadline, and never in the past', () => {
    fc.assert(
      fc.property(
        aPolicy,
        anOutcome,
        chance,
        failures,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (p, outcome, random, n, share) => {
          const deadlineAt = NOW + Math.ceil(share * p.deadlineMs);
          const at = nextRetryAt(n, outcome, {
            now: NOW,
            deadlineAt,
            policy: p.policy,
            random: () => random,
          });
          expect(Number.isInteger(at)).toBe(true);
          expect(at).toBeGreaterThanOrEqual(NOW);
          expect(at).toBeLessThanOrEqual(deadlineAt);
        },
      ),
    );
  });

  test('is never hot: at least the floor away, or at the deadline where that is nearer', () => {
    fc.assert(
      fc.property(
        aPolicy,
        anOutcome,
        chance,
        failures,
        fc.nat({ max: 3_000_000 }),
        (p, outcome, random, n, left) => {
          const context = {
            now: NOW,
            deadlineAt: NOW + left,
            policy: p.policy,
            random: () => random,
          };
          const at = nextRetryAt(n, outcome, context);
          expect(at).toBeGreaterThanOrEqual(
            Math.min(NOW + left, NOW + Math.floor(p.policy.floorMs)),
          );
        },
      ),
    );
  });

  test('keeps Retry-After, unless that reaches into the reserve before the deadline', () => {
    fc.assert(
      fc.property(
        aPolicy,
        chance,
        failures,
        fc.nat({ max: 3_000_000 }),
        fc.nat({ max: 3_000_000 }),
        (p, random, n, left, asked) => {
          const { policy } = p;
          const context = { now: NOW, deadlineAt: NOW + left, policy, random: () => random };
          const at = nextRetryAt(n, throttled(NOW, asked), context);
          if (asked <= left - policy.reserveMs) expect(at).toBeGreaterThanOrEqual(NOW + asked);
          // Where it has to be cut short, there is still time for another attempt.
          else if (left > 2 * policy.reserveMs) expect(at).toBeLessThan(NOW + left);
        },
      ),
    );
  });

  test('is at the end of an absurd Retry-After only up to the reserve', () => {
    const context = { now: NOW, deadlineAt: NOW + 30 * MINUTE, policy: POLICY, random: () => 0.5 };
    const at = nextRetryAt(1, throttled(NOW, 86_400_000), context);
    expect(at).toBe(NOW + 25 * MINUTE);
  });

  test('comes denser towards the deadline, until the last one at the deadline itself', () => {
    fc.assert(
      fc.property(aPolicy, chance, ({ policy, deadlineMs }, random) => {
        const deadlineAt = NOW + deadlineMs;
        const gaps: number[] = [];
        let now = NOW + deadlineMs / 2;
        for (let n = 20; now < deadlineAt; n++) {
          const at = nextRetryAt(n, failed(now), {
            now,
            deadlineAt,
            policy,
            random: () => random,
          });
          gaps.push(at - now);
          now = at;
          expect(gaps.length).toBeLessThan(1_000);
        }
        expect(now).toBe(deadlineAt);
        // An outage that ends a floor or two before the deadline is still noticed in time.
        const tail = gaps.slice(-2);
        expect(Math.max(...tail)).toBeLessThanOrEqual(2 * policy.floorMs + 1);
        for (const [i, gap] of gaps.entries()) {
          if (i > 0) expect(gap).toBeLessThanOrEqual((gaps[i - 1] ?? 0) + 1);
        }
      }),
    );
  });

  test('comes after delays that double up to the cap, a longer one where only a person can mend it', () => {
    const delays = (outcome: typeof failed, n: number) =>
      nextRetryAt(n, outcome(NOW), {
        now: NOW,
        deadlineAt: NOW + DEADLINE_MS,
        policy: POLICY,
        random: () => 0.5,
      }) - NOW;
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((n) => delays(failed, n) / SECOND)).toEqual([
      1, 2, 4, 8, 16, 32, 60, 60,
    ]);
    expect([7, 8, 9, 10, 99].map((n) => delays(refused as typeof failed, n) / SECOND)).toEqual([
      64, 128, 256, 300, 300,
    ]);
  });

  test('is scattered by chance, so that calls that failed together do not return together', () => {
    const at = (random: number) =>
      nextRetryAt(5, failed(NOW), {
        now: NOW,
        deadlineAt: NOW + DEADLINE_MS,
        policy: POLICY,
        random: () => random,
      }) - NOW;
    expect([at(0), at(0.5), at(0.999)]).toEqual([12_000, 16_000, 19_992]);
  });
});
