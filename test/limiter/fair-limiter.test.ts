import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairLimiter, type LaneFeedback, type Release } from '../../src/limiter/fair-limiter.ts';

interface Item {
  readonly lane: string;
  readonly rank: number;
  readonly name: string;
}

const REQUEST_MS = 10_000;

/** A limiter whose time only the test moves, the admitted items, and their releases. */
function aLimiter(places: number) {
  let now = 0;
  const inside: { item: Item; release: Release }[] = [];
  const admitted: string[] = [];
  const limiter = new FairLimiter<Item>({
    places,
    slowMs: REQUEST_MS / 2,
    uptime: () => now,
    admit: (item, release) => {
      inside.push({ item, release });
      admitted.push(item.name);
    },
  });
  const add = (lane: string, rank = 0, name = lane) => limiter.add({ lane, rank, name });
  const end = (lane: string, feedback: LaneFeedback, tookMs = 0) => {
    now += tookMs;
    const index = inside.findIndex(({ item }) => item.lane === lane);
    inside.splice(index, 1)[0]?.release(feedback);
  };
  const held = (lane: string) => inside.filter(({ item }) => item.lane === lane).length;
  /** Has the lane earn a window. */
  const earn = (lane: string, successes: number, tookMs = 0) => {
    for (let i = 0; i < successes; i++) {
      add(lane);
      end(lane, 'ok', tookMs);
    }
  };
  return { limiter, inside, admitted, add, end, held, earn };
}

describe('the fair limiter', () => {
  test('admits the nearest deadline first within a lane, in whatever order the items came', () => {
    const { admitted, add, end } = aLimiter(4);
    add('a', 999, 'first');
    for (const at of [50, 30, 40, 10, 20]) add('a', at, `${at}`);
    for (let i = 0; i < 6; i++) end('a', 'failed');
    expect(admitted).toEqual(['first', '10', '20', '30', '40', '50']);
  });

  test('gives a new lane one place, and twice as many with each round of successes', () => {
    const { add, end, held } = aLimiter(64);
    for (let i = 0; i < 200; i++) add('a', i);
    const rounds: number[] = [];
    for (let round = 0; round < 8; round++) {
      const count = held('a');
      rounds.push(count);
      for (let i = 0; i < count; i++) end('a', 'ok');
    }
    expect(rounds).toEqual([1, 2, 4, 8, 16, 32, 64, 64]);
  });

  test('leaves one place to a lane that hangs, however many it had', () => {
    const { add, end, held, earn } = aLimiter(64);
    earn('a', 64);
    for (let i = 0; i < 500; i++) add('a', i);
    expect(held('a')).toBe(64);
    for (let i = 0; i < 64; i++) end('a', 'trouble');
    expect(held('a')).toBe(1);
  });

  test('halves a window once a round, however many requests of the round fail', () => {
    const { add, end, held, earn } = aLimiter(64);
    earn('a', 64, 100);
    for (let i = 0; i < 500; i++) add('a', i);
    for (let i = 0; i < 20; i++) end('a', 'trouble', 5);
    for (let i = 0; i < 20; i++) end('a', 'unused');
    expect(held('a')).toBe(32);
  });

  test('lets a lane that has hung for an hour have all places again within seven rounds', () => {
    const { add, end, held, earn } = aLimiter(64);
    earn('a', 64);
    for (let i = 0; i < 1_000; i++) add('a', i);
    for (let i = 0; i < 64 + 360; i++) end('a', 'trouble');
    for (let round = 0; round < 7; round++) {
      const count = held('a');
      for (let i = 0; i < count; i++) end('a', 'ok');
    }
    expect(held('a')).toBe(64);
  });

  test('gives the next place to the waiting lane with the fewest, whatever its deadline', () => {
    const { add, end, held, earn } = aLimiter(8);
    earn('big', 8);
    earn('small', 8);
    for (let i = 0; i < 100_000; i++) add('big', i);
    expect(held('big')).toBe(8);
    for (let i = 0; i < 20; i++) add('small', 1_000_000 + i);
    for (let i = 0; i < 4; i++) end('big', 'ok');
    expect([held('big'), held('small')]).toEqual([4, 4]);
  });

  test('leaves three quarters of the places to others once all lanes that fail were tried', () => {
    const { limiter, inside, add, end, held, earn } = aLimiter(16);
    for (let lane = 0; lane < 1_000; lane++) for (let i = 0; i < 3; i++) add(`bad-${lane}`, i);
    expect(inside).toHaveLength(4);
    for (let i = 0; i < 500; i++) end(inside[0]?.item.lane ?? '', 'trouble');
    expect(inside).toHaveLength(8); // four for those that were not tried yet
    for (let i = 0; i < 1_500; i++) end(inside[0]?.item.lane ?? '', 'trouble');
    expect(inside).toHaveLength(4);
    const good = inside.findIndex(({ item }) => item.lane === 'good');
    expect(good).toBe(-1);
    // A new lane does not wait for those that were tried, and is then one that can be trusted.
    add('good', 1_000_000);
    expect(held('good')).toBe(1);
    end('good', 'ok');
    earn('good', 16);
    for (let i = 0; i < 100; i++) add('good', 1_000_000 + i);
    expect(held('good')).toBe(12);
    expect(limiter.drain().length).toBeGreaterThan(900);
  });

  test('keeps lanes that fail every second request among the doubtful ones', () => {
    const { inside, add, end } = aLimiter(16);
    const turns = new Map<string, number>();
    for (let lane = 0; lane < 30; lane++) for (let i = 0; i < 100; i++) add(`half-${lane}`, i);
    for (let i = 0; i < 60; i++) end(inside[0]?.item.lane ?? '', 'failed', 10); // none is new then
    for (let i = 0; i < 2_000; i++) {
      const lane = inside[0]?.item.lane ?? '';
      const turn = turns.get(lane) ?? 0;
      turns.set(lane, turn + 1);
      end(lane, turn % 2 === 0 ? 'failed' : 'ok', 10);
      expect(inside.length).toBeLessThanOrEqual(4);
    }
  });

  test('leaves half of the places to others, however many lanes are slow', () => {
    const { inside, add, held, earn } = aLimiter(16);
    for (let lane = 0; lane < 10; lane++) earn(`slow-${lane}`, 8, 9_000);
    earn('prompt', 16, 100);
    for (let lane = 0; lane < 10; lane++) for (let i = 0; i < 50; i++) add(`slow-${lane}`, i);
    expect(inside).toHaveLength(8);
    for (let i = 0; i < 50; i++) add('prompt', 1_000_000);
    expect(held('prompt')).toBe(8);
  });

  test('keeps a quarter of the places for prompt lanes, whatever all others want', () => {
    const { inside, add, held, earn, end } = aLimiter(16);
    earn('prompt', 16, 100);
    for (let lane = 0; lane < 20; lane++) {
      earn(`slow-${lane}`, 8, 9_000);
      add(`doubtful-${lane}`);
      end(`doubtful-${lane}`, 'trouble');
    }
    for (let i = 0; i < 10; i++) {
      for (let lane = 0; lane < 20; lane++) {
        for (const kind of ['slow', 'doubtful', 'new']) add(`${kind}-${lane}`, i);
      }
    }
    expect(inside).toHaveLength(12);
    for (let i = 0; i < 50; i++) add('prompt', 1_000_000);
    expect(held('prompt')).toBe(4);
  });

  test('learns nothing from a place that was not used', () => {
    const { add, end, held, earn } = aLimiter(8);
    earn('a', 8);
    for (let i = 0; i < 50; i++) add('a', i);
    for (let i = 0; i < 20; i++) end('a', 'unused');
    expect(held('a')).toBe(8);
  });

  test('serves equal lanes in turn, even while one of them gets more and more items', () => {
    const { admitted, add, end, inside, earn } = aLimiter(4);
    for (const lane of ['a', 'b', 'c', 'd', 'e', 'f']) earn(lane, 4);
    admitted.length = 0;
    for (let i = 0; i < 10; i++) for (const lane of ['a', 'b', 'c', 'd', 'e', 'f']) add(lane);
    for (let i = 0; i < 20; i++) {
      add('a');
      add('b');
      end(inside[0]?.item.lane ?? '', 'ok');
    }
    const times = (lane: string) => admitted.filter((name) => name === lane).length;
    for (const lane of ['a', 'b', 'c', 'd', 'e', 'f']) {
      expect(times(lane)).toBeGreaterThanOrEqual(3);
      expect(times(lane)).toBeLessThanOrEqual(5);
    }
  });

  test('yields to the event loop while it admits many items that need no place', async () => {
    let count = 0;
    const limiter = new FairLimiter<Item>({
      places: 4,
      slowMs: 1,
      uptime: () => 0,
      admit: (_, release) => {
        count++;
        if (count > 1) release('unused');
        else setImmediate(() => release('unused'));
      },
    });
    for (let i = 0; i < 10_000; i++) limiter.add({ lane: 'a', rank: i, name: '' });
    const seen: number[] = [];
    while (count < 10_000) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(count);
    }
    expect(seen.length).toBeGreaterThan(10);
  });

  test('needs four places, so that a quarter is at least one', () => {
    expect(() => aLimiter(3)).toThrow('needs 4 places');
  });

  test('never gives out more places than there are, and admits every item in the end', () => {
    const anArrival = fc.tuple(
      fc.constantFrom('a', 'b', 'c'),
      fc.nat({ max: 100 }),
      fc.constantFrom<LaneFeedback | null>('ok', 'failed', 'trouble', 'unused', null),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 9 }),
        fc.array(anArrival, { maxLength: 80 }),
        (places, arrivals) => {
          const { inside, admitted, add, end } = aLimiter(places);
          for (const [i, [lane, rank, feedback]] of arrivals.entries()) {
            add(lane, rank, `${i}`);
            if (feedback) end(inside[i % Math.max(1, inside.length)]?.item.lane ?? '', feedback);
            expect(inside.length).toBeLessThanOrEqual(places);
          }
          while (inside.length > 0) end(inside[0]?.item.lane ?? '', 'failed');
          expect(admitted.toSorted()).toEqual(arrivals.map((_, i) => `${i}`).toSorted());
        },
      ),
      { numRuns: 200 },
    );
  });
});

test('a limiter goes on after an error in `admit`', () => {
  const admitted: string[] = [];
  const limiter = new FairLimiter<Item>({
    places: 8,
    slowMs: 1,
    uptime: () => 0,
    admit: ({ name }, release) => {
      if (name === 'bad') throw new Error(name);
      admitted.push(name);
      release('ok');
    },
  });
  expect(() => limiter.add({ lane: 'a', rank: 0, name: 'bad' })).toThrow('bad');
  limiter.add({ lane: 'b', rank: 0, name: 'good' });
  expect(admitted).toEqual(['good']);
});
