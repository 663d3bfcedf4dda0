import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { offsetOf, turnAfter, turnAtOrBefore } from '../../src/calls/wheel.ts';
import { Schedulers, schedulerFaultOf } from '../../src/schedule/schedulers.ts';
import { openQueue, schedulerId, turnJobId } from '../../src/schedule/wheel-queue.ts';
import { NOW } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast, realClock, silent } from '../store/fixture.ts';
import { newPrefix, quietWheel } from './fixture.ts';

const server = redisForFile();
const REAL = { intervalMs: 900_000, slots: 256 };
const SLOT = 100;
const GRACE = 15_000;

describe('a scheduler', () => {
  const offset = offsetOf(SLOT, REAL);
  const good = { every: 900_000, offset, next: turnAfter(SLOT, NOW, REAL) };
  const lastTurnAt = turnAtOrBefore(SLOT, NOW, REAL);

  test.each([
    ['that stands and is to run in its place', good, null],
    [
      'whose turn has just come and not begun',
      { ...good, next: lastTurnAt },
      null,
      lastTurnAt + GRACE,
    ],
    [
      'whose turn came longer than the grace ago',
      { ...good, next: lastTurnAt },
      'overdue',
      lastTurnAt + GRACE + 1,
    ],
    ['whose turn came an hour ago', { ...good, next: lastTurnAt - 3_600_000 }, 'overdue'],
    ['that is to run at no instant', { every: 900_000, offset }, 'overdue'],
    ['that is not there', undefined, 'missing'],
    ['that is to run one turn too late', { ...good, next: good.next + 900_000 }, 'ahead'],
    ['that is to run in a year', { ...good, next: NOW + 31_536_000_000 }, 'ahead'],
    ['of another interval', { ...good, every: 60_000 }, 'out-of-phase'],
    ['of another offset', { ...good, offset: offset + 1 }, 'out-of-phase'],
    ['without an offset', { ...good, offset: undefined }, 'out-of-phase'],
    [
      'that is to run a second beside its turn',
      { ...good, next: good.next - 1_000 },
      'out-of-phase',
    ],
    [
      'that is no scheduler of turns at all',
      { pattern: '* * * * *', next: good.next },
      'out-of-phase',
    ],
  ])('%s', (_, scheduler, expected, now = NOW) => {
    expect(
      schedulerFaultOf(scheduler as Parameters<typeof schedulerFaultOf>[0], SLOT, REAL, now, GRACE),
    ).toBe(expected);
  });

  test('is well at any instant of any wheel, while its next run is the next turn', () => {
    fc.assert(
      fc.property(
        fc.record({
          intervalMs: fc.integer({ min: 1_000, max: 2_700_000 }),
          slots: fc.integer({ min: 1, max: 1_000 }),
        }),
        fc.nat(),
        fc.integer({ min: NOW - 10_000_000, max: NOW + 10_000_000 }),
        (wheel, nth, now) => {
          const slot = nth % wheel.slots;
          const next = turnAfter(slot, now, wheel);
          expect(
            schedulerFaultOf(
              { every: wheel.intervalMs, offset: offsetOf(slot, wheel), next },
              slot,
              wheel,
              now,
              100,
            ),
          ).toBeNull();
        },
      ),
    );
  });
});

describe('BullMQ', () => {
  test('counts a slot’s turns as we do, for whatever wheel', async () => {
    const redis = await fast(server);
    const queue = openQueue(redis, newPrefix());
    const aWheel = fc.record({
      intervalMs: fc.integer({ min: 10_000, max: 2_700_000 }),
      slots: fc.integer({ min: 1, max: 4_096 }),
    });
    await fc.assert(
      fc.asyncProperty(aWheel, fc.nat(), async (wheel, nth) => {
        const slot = nth % wheel.slots;
        await queue.removeJobScheduler('asked');
        const before = Date.now();
        await queue.upsertJobScheduler('asked', {
          every: wheel.intervalMs,
          offset: offsetOf(slot, wheel),
        });
        const after = Date.now();
        const { next } = (await queue.getJobScheduler('asked')) ?? {};
        expect([turnAfter(slot, before, wheel), turnAfter(slot, after, wheel)]).toContain(next);
      }),
      { numRuns: 60 },
    );
    await queue.close();
  });
});

describe('a look over the schedulers', () => {
  async function aLook(wheel = quietWheel(16), graceMs = 5_000) {
    const redis = await fast(server);
    const prefix = newPrefix();
    const queue = openQueue(redis, prefix);
    const repairs: string[] = [];
    const untaken: number[] = [];
    const schedulers = () =>
      new Schedulers({
        queue,
        wheel,
        clock: realClock,
        graceMs,
        log: silent,
        onRepair: (fault) => repairs.push(fault),
        onUntaken: (forMs) => untaken.push(forMs),
      });
    const nexts = async () => {
      const standing = await queue.getJobSchedulers(0, -1, true);
      return new Map(standing.map(({ key, next }) => [key, next]));
    };
    return { queue, prefix, repairs, untaken, schedulers, nexts, wheel };
  }

  test('leaves a turn alone that is late, while its job is there for a worker to take', async () => {
    const wheel = { intervalMs: 5_000, slots: 1 };
    const { queue, repairs, untaken, schedulers, nexts } = await aLook(wheel, 50);
    await schedulers().lookOver();
    expect(untaken).toEqual([]);
    const next = (await nexts()).get(schedulerId(0)) ?? Number.NaN;
    await expect.poll(() => Date.now()).toBeGreaterThan(next + 50);
    expect(await schedulers().lookOver()).toBe(0);
    expect(untaken).toHaveLength(1);
    expect(untaken[0]).toBeGreaterThan(50);
    expect(untaken[0]).toBeLessThanOrEqual(Date.now() - next);
    await (await queue.getJob(turnJobId(0, next)))?.promote();
    expect(await schedulers().lookOver()).toBe(0);

    // With the turn after it the last one is missed, and is made up for.
    await expect.poll(() => Date.now()).toBeGreaterThan(next + wheel.intervalMs);
    expect(await schedulers().lookOver()).toBe(1);
    expect(repairs).toEqual(['missing', 'overdue']);
    expect(await queue.getJob(`made-up-0-${next + wheel.intervalMs}`)).toBeDefined();
  });

  test('makes up for a turn whose job Redis has lost except its place, or cannot be read', async () => {
    const makesUpAfter = async (harm: 'del' | 'set') => {
      const { queue, repairs, schedulers, nexts } = await aLook(
        { intervalMs: 5_000, slots: 1 },
        50,
      );
      await schedulers().lookOver();
      const next = (await nexts()).get(schedulerId(0)) ?? Number.NaN;
      await expect.poll(() => Date.now()).toBeGreaterThan(next + 50);
      const key = queue.toKey(turnJobId(0, next));
      await server.client.del(key);
      if (harm === 'set') await server.client.set(key, 'none of a job');
      expect(await schedulers().lookOver()).toBe(1);
      expect(repairs).toEqual(['missing', 'overdue']);
    };
    await Promise.all([makesUpAfter('del'), makesUpAfter('set')]);
  });

  test('puts each slot’s scheduler in its place, and makes up for the turn that passed', async () => {
    const { queue, repairs, schedulers, nexts, wheel } = await aLook();
    expect(await schedulers().lookOver()).toBe(16);
    expect(repairs).toEqual(new Array(16).fill('missing'));
    const placed = await nexts();
    for (let slot = 0; slot < 16; slot++) {
      const next = placed.get(schedulerId(slot)) ?? 0;
      expect(turnAtOrBefore(slot, next, wheel)).toBe(next);
    }
    const madeUp = (await queue.getWaiting()).map(({ data }) => data as { slot: number });
    expect(madeUp.toSorted((a, b) => a.slot - b.slot)).toEqual(
      Array.from({ length: 16 }, (_, slot) => ({
        slot,
        turnAt: turnAtOrBefore(slot, Date.now(), wheel),
      })),
    );
    expect(await queue.getDelayedCount()).toBe(16);
  });

  test('repairs all others and makes up for their turns if some cannot be read or repaired', async () => {
    const { queue, schedulers, wheel } = await aLook();
    const [unreadable, unrepairable] = [5, 6];
    await server.client.zadd(queue.toKey('repeat'), 1, schedulerId(unreadable));
    for (const slot of [unreadable, unrepairable]) {
      await server.client.set(queue.toKey(`repeat:${schedulerId(slot)}`), 'no hash');
    }
    await expect(schedulers().lookOver()).rejects.toThrow(/^2 of them: .*WRONGTYPE/);
    const others = Array.from({ length: wheel.slots }, (_, slot) => slot).filter(
      (slot) => slot !== unreadable && slot !== unrepairable,
    );
    const placed = await Promise.all(
      others.map((slot) => queue.getJobScheduler(schedulerId(slot))),
    );
    expect(placed).not.toContain(undefined);
    const madeUp = (await queue.getWaiting()).map(({ data }) => data.slot);
    expect(madeUp.toSorted((a, b) => a - b)).toEqual(others);
  });

  test('replaces a scheduler that is damaged', async () => {
    const { queue, schedulers } = await aLook();
    await schedulers().lookOver();
    const key = queue.toKey(`repeat:${schedulerId(3)}`);
    await server.client.hset(key, 'data', '{"slot":');
    await expect(queue.getJobScheduler(schedulerId(3))).rejects.toThrow(SyntaxError);
    expect(await schedulers().lookOver()).toBe(1);
    expect(await queue.getJobScheduler(schedulerId(3))).toMatchObject({
      template: { data: { slot: 3 } },
    });
  });

  test('leaves alone what is well', async () => {
    const { queue, schedulers, nexts } = await aLook();
    await schedulers().lookOver();
    const before = await nexts();
    expect(await schedulers().lookOver()).toBe(0);
    expect(await nexts()).toEqual(before);
    expect(await queue.getWaitingCount()).toBe(16);
  });

  test('by ten replicas at once comes to the same as by one', async () => {
    const { queue, schedulers, nexts, wheel } = await aLook();
    await Promise.all(Array.from({ length: 10 }, () => schedulers().lookOver()));
    expect(await schedulers().lookOver()).toBe(0);
    const placed = await nexts();
    expect(placed.size).toBe(16);
    for (let slot = 0; slot < 16; slot++) {
      const next = placed.get(schedulerId(slot)) ?? 0;
      expect(turnAtOrBefore(slot, next, wheel)).toBe(next);
    }
    expect(await queue.getWaitingCount()).toBe(16);
    expect(await queue.getDelayedCount()).toBe(16);
  });

  test('removes strays, as of a wheel with more slots', async () => {
    const { queue, schedulers, nexts } = await aLook();
    for (const id of ['slot-16', 'slot-999', 'something-else']) {
      await queue.upsertJobScheduler(id, { every: 60_000, offset: 1 });
    }
    await schedulers().lookOver();
    expect([...(await nexts()).keys()].toSorted()).toEqual(
      Array.from({ length: 16 }, (_, slot) => schedulerId(slot)).toSorted(),
    );
    expect(await queue.getDelayedCount()).toBe(16);
  });

  test('replaces one of another interval, as after a change of the interval', async () => {
    const { queue, repairs, schedulers, nexts, wheel } = await aLook();
    await schedulers().lookOver();
    repairs.length = 0;
    const before = await nexts();
    await queue.upsertJobScheduler(schedulerId(3), { every: 60_000, offset: 7 });
    expect(await schedulers().lookOver()).toBe(1);
    expect(repairs).toEqual(['out-of-phase']);
    const after = await nexts();
    expect(turnAtOrBefore(3, after.get(schedulerId(3)) ?? 0, wheel)).toBe(
      after.get(schedulerId(3)),
    );
    before.delete(schedulerId(3));
    after.delete(schedulerId(3));
    expect(after).toEqual(before);
    expect(await queue.getDelayedCount()).toBe(16);
  });

  test('rejects if Redis does not answer', async () => {
    const redis = await fast(server);
    const queue = openQueue(redis, newPrefix());
    queue.on('error', () => undefined);
    redis.disconnect();
    const schedulers = new Schedulers({
      queue,
      wheel: REAL,
      clock: realClock,
      graceMs: 1,
      log: silent,
      onRepair: () => undefined,
      onUntaken: () => undefined,
    });
    await expect(schedulers.lookOver()).rejects.toThrow();
  });
});
