import fc from 'fast-check';
import TinyQueue from 'tinyqueue';
import { describe, expect, test } from 'vitest';
import { FairLimiter, type LaneFeedback } from '../../src/limiter/fair-limiter.ts';

const SECOND = 1_000;
const MINUTE = 60_000;
/** As at 15 and 45 minutes: how long a request may hang. */
const TIME_LIMIT_MS = 10 * SECOND;
const INTERVAL_MS = 15 * MINUTE;
const DEADLINE_MS = 45 * MINUTE;

/** What becomes of one request: how long it takes, how it fares, and when its call wants the next. */
type Behaviour = (
  at: number,
  nth: number,
) => { tookMs: number; feedback: LaneFeedback; againMs: number };

const well = (tookMs: number) => ({ tookMs, feedback: 'ok' as const, againMs: Infinity });
const BEHAVIOURS = {
  hangs: () => ({ tookMs: TIME_LIMIT_MS, feedback: 'trouble', againMs: 30 * SECOND }),
  throttles: () => ({ tookMs: 50, feedback: 'trouble', againMs: 2 * SECOND }),
  refuses: () => ({ tookMs: 50, feedback: 'trouble', againMs: 5 * MINUTE }),
  errs: () => ({ tookMs: 200, feedback: 'failed', againMs: 2 * SECOND }),
  'errs every second time': (_, nth) =>
    nth % 2 === 0 ? { tookMs: 200, feedback: 'failed', againMs: SECOND } : well(200),
  'hangs every second time': (_, nth) =>
    nth % 2 === 0 ? { tookMs: TIME_LIMIT_MS, feedback: 'trouble', againMs: SECOND } : well(200),
  'is slow, and never fails': () => well(9 * SECOND),
  'hangs from the second minute on': (at) =>
    at < MINUTE ? well(100) : { tookMs: TIME_LIMIT_MS, feedback: 'trouble', againMs: 10 * SECOND },
  'hangs every other half minute': (at) =>
    at % MINUTE < MINUTE / 2
      ? well(100)
      : { tookMs: TIME_LIMIT_MS, feedback: 'trouble', againMs: SECOND },
  'is never slow but always busy': () => ({ tookMs: 100, feedback: 'failed', againMs: 0 }),
} satisfies Record<string, Behaviour>;
type Kind = keyof typeof BEHAVIOURS;

interface Item {
  readonly lane: string;
  readonly deadlineAt: number;
  readonly rank: number;
  readonly dueAt: number;
}

/** Plays requests on a clock that jumps from one event to the next. */
function play(places: number, behaviourOf: (lane: string) => Behaviour) {
  let now = 0;
  const events = new TinyQueue<{ at: number; act: () => void }>([], (a, b) => a.at - b.at);
  const counts = new Map<string, number>();
  const waits = new Map<string, number>();
  let late = 0;
  let open = 0;
  const limiter = new FairLimiter<Item>({
    places,
    slowMs: TIME_LIMIT_MS / 2,
    uptime: () => now,
    admit: (item, release) => {
      const nth = counts.get(item.lane) ?? 0;
      counts.set(item.lane, nth + 1);
      const { tookMs, feedback, againMs } = behaviourOf(item.lane)(now, nth);
      if (feedback === 'ok') {
        open--;
        waits.set(item.lane, Math.max(now - item.dueAt, waits.get(item.lane) ?? 0));
        if (now > item.deadlineAt) late++;
      }
      events.push({
        at: now + tookMs,
        act: () => {
          release(feedback);
          if (againMs < Infinity) arrive(now + againMs, item);
        },
      });
    },
  });
  const arrive = (at: number, item: Item) => events.push({ at, act: () => limiter.add(item) });
  return {
    /** A call of the lane is due. */
    due: (lane: string, dueAt: number, leftMs = DEADLINE_MS - INTERVAL_MS) => {
      open++;
      arrive(dueAt, { lane, dueAt, deadlineAt: dueAt + leftMs, rank: dueAt + leftMs });
    },
    run: (until: number) => {
      for (let next = events.peek(); next && next.at <= until; next = events.peek()) {
        events.pop();
        now = next.at;
        next.act();
      }
    },
    /** The longest that a call of the lane had to wait before the request that renewed it. */
    worstWaitMs: (lane: string) => waits.get(lane) ?? 0,
    renewed: (lane: string) => counts.get(lane) ?? 0,
    late: () => late,
    /** How many calls were not renewed. */
    open: () => open,
  };
}

const ANSWER_MS = 500;

/** Healthy lanes that need a share of what is theirs, beside lanes that do not do well. */
function beside(places: number, bad: readonly Kind[], healthy: number, load: number) {
  const lanes = new Map(bad.map((kind, i) => [`${kind} ${i}`, BEHAVIOURS[kind] as Behaviour]));
  const { due, run, ...result } = play(
    places,
    (lane) => lanes.get(lane) ?? (() => well(ANSWER_MS)),
  );
  for (const lane of lanes.keys()) {
    // All due at once, all nearer to their deadlines than any healthy one.
    for (let i = 0; i < 200; i++) due(lane, 0, 15 * MINUTE);
  }
  const own = places * (bad.includes('is slow, and never fails') ? 1 / 4 : 3 / 4);
  const gapMs = ANSWER_MS / (Math.max(1, Math.floor(own)) * load);
  let count = 0;
  // At whole ms, so that no wait is longer by a rounding.
  for (let at = 0; at < 4 * MINUTE; at += gapMs) {
    due(`healthy ${count++ % healthy}`, Math.round(at));
  }
  run(8 * MINUTE);
  const names = Array.from({ length: healthy }, (_, i) => `healthy ${i}`);
  const worstWaitMs = Math.max(...names.map((name) => result.worstWaitMs(name)));
  const renewed = names.reduce((sum, name) => sum + result.renewed(name), 0);
  return { worstWaitMs, missing: count - renewed };
}

/**
 * What the header of the limiter states: a new lane waits behind the others that are new; and a lane that begins to hang keeps its places for one time limit.
 */
const worstCaseMs = (places: number, lanes: number) =>
  TIME_LIMIT_MS * (Math.floor((lanes - 1) / Math.floor(places / 4)) + 1);

describe('a healthy lane', () => {
  test('is on time beside any mix of failing lanes, if it needs less than its share', () => {
    const kinds = Object.keys(BEHAVIOURS) as Kind[];
    fc.assert(
      fc.property(
        fc.constantFrom(4, 5, 8, 16, 64),
        fc.array(fc.constantFrom(...kinds), { maxLength: 20 }),
        fc.integer({ min: 1, max: 3 }),
        fc.double({ min: 0.05, max: 0.75, noNaN: true }),
        (places, bad, healthy, load) => {
          const { worstWaitMs, missing } = beside(places, bad, healthy, load);
          expect(missing).toBe(0);
          expect(worstWaitMs).toBeLessThanOrEqual(worstCaseMs(places, bad.length + healthy));
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each(Object.keys(BEHAVIOURS) as Kind[])(
    'is on time as one of eleven, ten of which %s',
    (kind) => {
      const { worstWaitMs, missing } = beside(64, new Array<Kind>(10).fill(kind), 1, 0.75);
      expect(missing).toBe(0);
      expect(worstWaitMs).toBeLessThanOrEqual(2 * TIME_LIMIT_MS);
    },
  );

  test('is on time although a thousand lanes hang', () => {
    const { worstWaitMs, missing } = beside(64, new Array<Kind>(1_000).fill('hangs'), 1, 0.5);
    expect(missing).toBe(0);
    expect(worstWaitMs).toBeLessThanOrEqual(worstCaseMs(64, 1_001));
  });

  test.each([1_000, 5_000])(
    'is on time though it is new and %i lanes hang that were tried before',
    (count) => {
      const isHung = (lane: string) => lane.startsWith('hung');
      const { due, run, worstWaitMs, renewed } = play(64, (lane) =>
        isHung(lane) ? BEHAVIOURS.hangs : () => well(ANSWER_MS),
      );
      for (let i = 0; i < count; i++) due(`hung ${i}`, 0, 15 * MINUTE);
      const at = (count / 16) * TIME_LIMIT_MS + TIME_LIMIT_MS;
      for (let i = 0; i < 500; i++) due(`new ${i}`, at);
      run(at + 5 * MINUTE);
      for (let i = 0; i < 500; i++) {
        expect(renewed(`new ${i}`)).toBe(1);
        expect(worstWaitMs(`new ${i}`)).toBeLessThanOrEqual(Math.ceil(500 / 16) * ANSWER_MS);
      }
    },
  );

  test('is on time while another one has 100,000 new calls', () => {
    const { due, run, worstWaitMs, renewed, late } = play(64, () => () => well(100));
    for (let i = 0; i < 100_000; i++) due('big', 0, DEADLINE_MS);
    for (let i = 0; i < 1_000; i++) due('small', i * 100);
    run(5 * MINUTE);
    expect(worstWaitMs('small')).toBeLessThan(2 * SECOND);
    expect([renewed('big'), renewed('small'), late()]).toEqual([100_000, 1_000, 0]);
  });
});

/** The same numbers in [0, 1) for the same seed, without an order: the nth is the nth. */
function chances(seed: number): (nth: number) => number {
  return (nth) => {
    const mixed = Math.imul(nth ^ (seed * 0x9e3779b1), 0x85ebca6b);
    return (Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) >>> 0) / 2 ** 32;
  };
}

/** How requests of a lane fail some of the time; their calls come back after a second. */
const FAILURES = {
  'throttled at once': { tookMs: 5, feedback: 'trouble' },
  throttled: { tookMs: 50, feedback: 'trouble' },
  'throttled late': { tookMs: ANSWER_MS - 50, feedback: 'trouble' },
  'timed out': { tookMs: TIME_LIMIT_MS, feedback: 'trouble' },
  refused: { tookMs: 50, feedback: 'failed' },
} as const;

interface Partly {
  readonly places: number;
  readonly kind: keyof typeof FAILURES;
  /** Of its requests. */
  readonly share: number;
  /** Of the places that it can use, as the header of the limiter states them. */
  readonly load: number;
  readonly seed: number;
}

/** One lane, a share of whose requests fails. */
function partly({ places, kind, share, load, seed }: Partly) {
  const chance = chances(seed);
  const failure = FAILURES[kind];
  const { due, run, worstWaitMs, open } = play(places, () => (_, nth) => {
    return chance(nth) < share ? { ...failure, againMs: SECOND } : well(ANSWER_MS);
  });
  const usable = share <= 0.2 || failure.feedback === 'failed' ? places : places / 4;
  // Each success takes more than one request, if a share of them fails.
  const heldMs = ANSWER_MS + (share / (1 - share)) * failure.tookMs;
  for (let at = 0; at < 3 * MINUTE; at += heldMs / (usable * load)) due('partly', at);
  run(30 * MINUTE);
  return { worstWaitMs: worstWaitMs('partly'), missing: open() };
}

describe('a lane that fails in part', () => {
  test('has its healthy calls on time, if they need less than the places that its answers allow', () => {
    const aLane = fc.record<Partly>({
      places: fc.constantFrom(16, 32, 64),
      kind: fc.constantFrom(...(Object.keys(FAILURES) as (keyof typeof FAILURES)[])),
      share: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
      load: fc.double({ min: 0.05, max: 0.75, noNaN: true }),
      seed: fc.nat({ max: 1_000 }),
    });
    fc.assert(
      fc.property(aLane, (lane) => {
        const { worstWaitMs, missing } = partly(lane);
        expect(missing).toBe(0);
        // A fraction of the half hour that a call has: attempts that time out included.
        expect(worstWaitMs).toBeLessThan(4 * MINUTE);
      }),
      { numRuns: 40 },
    );
  });

  test.each(Object.keys(FAILURES) as (keyof typeof FAILURES)[])(
    'is on time though every hundredth, and though every fifth request is %s',
    (kind) => {
      for (const share of [0.01, 0.2]) {
        const { worstWaitMs, missing } = partly({ places: 64, kind, share, load: 0.75, seed: 1 });
        expect(missing).toBe(0);
        expect(worstWaitMs).toBeLessThan(2 * MINUTE);
      }
    },
  );
});

test('a big lane whose Graph hung for an hour catches up as soon as its requests come back', () => {
  const hungMs = 60 * MINUTE;
  const { due, run, renewed } = play(64, () => (at) => {
    if (at >= hungMs) return well(100);
    return { tookMs: TIME_LIMIT_MS, feedback: 'trouble', againMs: MINUTE };
  });
  for (let i = 0; i < 20_000; i++) due('big', 0);
  run(hungMs - 1);
  expect(renewed('big')).toBeLessThan(400);
  // At 640 requests a second 20,000 take 32 s; the probe that hangs may take one time limit more.
  run(hungMs + TIME_LIMIT_MS + 35 * SECOND);
  expect(renewed('big')).toBeGreaterThan(20_000);
});
