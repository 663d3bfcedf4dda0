import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Lanes, type Leave } from '../../src/calls/lanes.ts';
import { idle } from './fixture.ts';

/** Wants in with all of them at once, in their order; says who got in when, and lets them leave. */
function crowd(lanes: Lanes) {
  const inside: { who: string; leave: Leave }[] = [];
  const entered: string[] = [];
  return {
    inside,
    entered,
    async want(who: string, lane: string, deadlineAt: number) {
      void lanes.enter(lane, deadlineAt).then((leave) => {
        inside.push({ who, leave });
        entered.push(who);
      });
      await idle();
    },
    async leave(index = 0) {
      inside.splice(index, 1)[0]?.leave();
      await idle();
    },
  };
}

describe('the lanes', () => {
  test('never hold more than there are places, and let everybody in in the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat({ max: 100 }), fc.boolean()), {
          maxLength: 60,
        }),
        async (places, arrivals) => {
          const { inside, entered, want, leave } = crowd(new Lanes(places));
          for (const [i, [lane, deadlineAt, isLeaving]] of arrivals.entries()) {
            await want(`${i}`, lane, deadlineAt);
            expect(inside.length).toBeLessThanOrEqual(places);
            if (isLeaving) await leave(i % Math.max(1, inside.length));
          }
          while (inside.length > 0) {
            await leave();
            expect(inside.length).toBeLessThanOrEqual(places);
          }
          expect(entered.toSorted()).toEqual(arrivals.map((_, i) => `${i}`).toSorted());
        },
      ),
      { numRuns: 50 },
    );
  });

  test('let those in first who have the nearest deadline, in whichever order they came', async () => {
    const { entered, want, leave } = crowd(new Lanes(1));
    await want('first', 'a', 999);
    for (const deadlineAt of [50, 30, 40, 10, 20]) await want(`${deadlineAt}`, 'a', deadlineAt);
    for (let i = 0; i < 5; i++) await leave();
    expect(entered).toEqual(['first', '10', '20', '30', '40', '50']);
  });

  test('let the nearest deadline in first across lanes as well', async () => {
    const { entered, want, leave } = crowd(new Lanes(1));
    await want('first', 'a', 999);
    for (const [lane, at] of [
      ['a', 50],
      ['b', 30],
      ['c', 40],
      ['b', 10],
    ] as const)
      await want(`${at}`, lane, at);
    for (let i = 0; i < 4; i++) await leave();
    expect(entered).toEqual(['first', '10', '30', '40', '50']);
  });

  test('leave places to others when one lane would take them all', async () => {
    const { inside, want, leave } = crowd(new Lanes(4));
    for (let i = 0; i < 10; i++) await want(`slow-${i}`, 'slow', i);
    expect(inside).toHaveLength(4);
    await want('other', 'other', 1_000);
    await leave();
    expect(inside.map(({ who }) => who)).toContain('other');
    // However urgent, the slow ones have three quarters of the places at the most.
    for (let i = 0; i < 6; i++) {
      await leave(inside.findIndex(({ who }) => who.startsWith('slow')));
      await want(`other-${i}`, 'other', 2_000 + i);
      expect(inside.filter(({ who }) => who.startsWith('slow')).length).toBeLessThanOrEqual(3);
    }
  });

  test('give all places to the only lane there is, again after others have gone', async () => {
    const { inside, want, leave } = crowd(new Lanes(4));
    await want('other', 'other', 0);
    for (let i = 0; i < 6; i++) await want(`slow-${i}`, 'slow', i);
    expect(inside.map(({ who }) => who)).toEqual(['other', 'slow-0', 'slow-1', 'slow-2']);
    await leave();
    expect(inside.map(({ who }) => who)).toEqual(['slow-0', 'slow-1', 'slow-2', 'slow-3']);
  });
});
