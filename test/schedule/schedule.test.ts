import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { offsetOf } from '../../src/calls/wheel.ts';
import { schedulerId, turnJobId } from '../../src/schedule/wheel-queue.ts';
import { RedisServer, redisForFile } from '../redis/redis-server.ts';
import {
  areConsecutiveTurns,
  aSchedule,
  type FakeVisitor,
  newPrefix,
  SLOTS,
  WHEEL,
} from './fixture.ts';

const server = redisForFile();
const SOON = { timeout: 30_000, interval: 20 };
const LONG = 90_000;

/** Until each slot was visited in so many turns that came after an instant. */
const turned = (visitor: FakeVisitor, turns: number, since = 0) =>
  vi.waitFor(() => {
    for (const slot of SLOTS)
      expect(visitor.turnsOf(slot, since).length).toBeGreaterThanOrEqual(turns);
  }, SOON);

describe.concurrent('the wheel', () => {
  test(
    'turns in phase: each slot at its place in the interval, no turn left out',
    async ({ onTestFinished }) => {
      const { schedule, visitor } = await aSchedule(server, onTestFinished);
      const startedAt = Date.now();
      await schedule.resume();
      await turned(visitor, 4, startedAt);
      for (const slot of SLOTS) expect(areConsecutiveTurns(visitor.turnsOf(slot), slot)).toBe(true);
      // Spread over the interval, not bunched at its start.
      const phases = SLOTS.map((slot) => (visitor.turnsOf(slot)[0] ?? 0) % WHEEL.intervalMs);
      expect(phases).toEqual(SLOTS.map((slot) => offsetOf(slot, WHEEL)));
      expect(phases).toEqual([1, 501, 1_001, 1_501]);
      // Never before its time.
      for (const { at, turnAt } of visitor.turns) expect(at).toBeGreaterThanOrEqual(turnAt);
    },
    LONG,
  );

  test(
    'is turned by two replicas together, each turn by one of them',
    async ({ onTestFinished }) => {
      const prefix = newPrefix();
      const replicas = [
        await aSchedule(server, onTestFinished, { prefix }),
        await aSchedule(server, onTestFinished, { prefix }),
      ];
      for (const { schedule } of replicas) await schedule.resume();
      const startedAt = Date.now();
      const turnsOf = (slot: number) =>
        replicas.flatMap(({ visitor }) => visitor.turnsOf(slot, startedAt));
      await vi.waitFor(() => {
        for (const slot of SLOTS) expect(turnsOf(slot).length).toBeGreaterThanOrEqual(4);
      }, SOON);
      for (const slot of SLOTS) {
        const turns = turnsOf(slot).toSorted((a, b) => a - b);
        expect(areConsecutiveTurns(turns, slot)).toBe(true);
      }
    },
    LONG,
  );

  test(
    'that stood still goes on in phase',
    async ({ onTestFinished }) => {
      const { schedule, visitor } = await aSchedule(server, onTestFinished);
      await schedule.resume();
      await turned(visitor, 2);
      expect(schedule.running).toBe(true);
      await schedule.suspend(AbortSignal.timeout(10_000));
      expect(schedule.running).toBe(false);
      const before = visitor.turns.length;
      await sleep(1.5 * WHEEL.intervalMs); // so long it stands, whatever the machine
      expect(visitor.turns).toHaveLength(before);
      const resumedAt = Date.now();
      await schedule.resume();
      await turned(visitor, 2, resumedAt);
      for (const slot of SLOTS)
        expect(areConsecutiveTurns(visitor.turnsOf(slot, resumedAt), slot)).toBe(true);
    },
    LONG,
  );
});

describe.concurrent('damage to a slot’s scheduler heals within a look, in its own phase, and shifts no other:', () => {
  const SLOT = 1;
  const id = schedulerId(SLOT);
  type Bench = Awaited<ReturnType<typeof aSchedule>>;
  const nextOf = async ({ queue }: Bench) => {
    const next = (await queue.getJobScheduler(id))?.next;
    if (next === undefined) throw new Error('no scheduler');
    return next;
  };
  const key = ({ queue }: Bench, type: string) => queue.toKey(type);

  test.each<[string, string, (bench: Bench) => Promise<unknown>]>([
    ['the scheduler removed', 'missing', ({ queue }) => queue.removeJobScheduler(id)],
    ['its hash lost', 'missing', (bench) => server.client.del(key(bench, `repeat:${id}`))],
    [
      'its entry in the list of schedulers lost',
      'missing',
      (bench) => server.client.zrem(key(bench, 'repeat'), id),
    ],
    [
      'its delayed entry lost',
      'overdue',
      async (bench) =>
        server.client.zrem(key(bench, 'delayed'), turnJobId(SLOT, await nextOf(bench))),
    ],
    [
      'its job lost',
      'overdue',
      async (bench) => server.client.del(key(bench, turnJobId(SLOT, await nextOf(bench)))),
    ],
    [
      'its next turn put an hour ahead',
      'ahead',
      async (bench) =>
        server.client.zadd(key(bench, 'repeat'), 'XX', (await nextOf(bench)) + 3_600_000, id),
    ],
    [
      'its next turn put beside its phase',
      'out-of-phase',
      async (bench) =>
        server.client.zadd(key(bench, 'repeat'), 'XX', (await nextOf(bench)) + 77, id),
    ],
    [
      'all of BullMQ’s keys lost',
      'missing',
      async ({ prefix }) => server.client.unlink(...(await server.client.keys(`${prefix}:*`))),
    ],
  ])(
    '%s',
    async (_, fault, damage) => {
      const releases: (() => Promise<void> | void)[] = [];
      const bench = await aSchedule(server, (release) => void releases.push(release));
      try {
        const { schedule, visitor, repairs } = bench;
        await schedule.resume();
        await turned(visitor, 2);
        await vi.waitFor(
          async () => expect(await bench.queue.getJobSchedulersCount()).toBe(4),
          SOON,
        );
        repairs.length = 0;
        await damage(bench);
        const damagedAt = Date.now();
        await vi.waitFor(() => expect(repairs).toContain(fault), SOON);
        await turned(visitor, 3, damagedAt);
        for (const slot of SLOTS) {
          expect(areConsecutiveTurns(visitor.turnsOf(slot), slot), `slot ${slot}`).toBe(true);
        }
        const standing = await bench.queue.getJobSchedulers(0, -1, true);
        expect(standing.map(({ offset }) => offset).toSorted((a = 0, b = 0) => a - b)).toEqual(
          SLOTS.map((slot) => offsetOf(slot, WHEEL)),
        );
      } finally {
        for (const release of releases.reverse()) await release();
      }
    },
    LONG,
  );

  test(
    'a foreign scheduler is removed',
    async ({ onTestFinished }) => {
      const { schedule, queue, visitor } = await aSchedule(server, onTestFinished);
      await schedule.resume();
      await turned(visitor, 1);
      await queue.upsertJobScheduler(
        'slot-99',
        { every: 500, offset: 1 },
        { name: 'turn', data: { slot: 99 } },
      );
      await vi.waitFor(
        async () => expect(await queue.getJobScheduler('slot-99')).toBeUndefined(),
        SOON,
      );
      expect(await queue.getJobSchedulersCount()).toBe(4);
    },
    LONG,
  );
});

describe.concurrent('a visit', () => {
  test(
    'that fails is made again, for the same turn',
    async ({ onTestFinished }) => {
      const { schedule, visitor } = await aSchedule(server, onTestFinished);
      const failures: number[] = [];
      visitor.onTurn = ({ slot, turnAt }) => {
        if (slot !== 1 || failures.length === 3) return 'done';
        failures.push(turnAt);
        throw new StoreUnavailableError('out');
      };
      await schedule.resume();
      await turned(visitor, 3);
      const first = failures[0] ?? 0;
      await vi.waitFor(() => expect(failures).toHaveLength(3), SOON);
      expect(
        visitor.turns.filter(({ slot, turnAt }) => slot === 1 && turnAt === first).length,
      ).toBeGreaterThan(1);
      expect(areConsecutiveTurns(visitor.turnsOf(1), 1)).toBe(true);
    },
    LONG,
  );

  test(
    'of a replica that stops is handed to another, for the same turn',
    async ({ onTestFinished }) => {
      const prefix = newPrefix();
      const [leaving, staying] = [
        await aSchedule(server, onTestFinished, { prefix }),
        await aSchedule(server, onTestFinished, { prefix }),
      ];
      const begun = Promise.withResolvers<number>();
      leaving.visitor.onTurn = ({ slot, turnAt }, stop) => {
        if (slot !== 2) return 'done';
        begun.resolve(turnAt);
        if (stop.aborted) return 'cut';
        return new Promise((resolve) => {
          stop.addEventListener('abort', () => resolve('cut'), { once: true });
        });
      };
      await leaving.schedule.resume();
      const turnAt = await begun.promise;
      await staying.schedule.resume();
      await leaving.schedule.stop(AbortSignal.timeout(20_000));
      await vi.waitFor(() => {
        expect(
          staying.visitor.turns.filter((visit) => visit.slot === 2 && visit.turnAt === turnAt),
        ).toHaveLength(1);
      }, SOON);
    },
    LONG,
  );

  test(
    'that does not end is cut off when the time to stop is over',
    async ({ onTestFinished }) => {
      const { schedule, visitor } = await aSchedule(server, onTestFinished);
      const begun = Promise.withResolvers<void>();
      const end = Promise.withResolvers<'done'>();
      onTestFinished(() => end.resolve('done'));
      visitor.onTurn = () => {
        begun.resolve();
        return end.promise;
      };
      await schedule.resume();
      await begun.promise;
      await schedule.stop(AbortSignal.timeout(100));
      expect(schedule.running).toBe(false);
    },
    LONG,
  );
});

describe.concurrent('a worker', () => {
  test(
    'that takes no jobs is replaced, one that does is not',
    async ({ onTestFinished }) => {
      const { schedule, visitor, replaced } = await aSchedule(server, onTestFinished);
      schedule.replaceIfUnresponsive(0);
      await schedule.resume();
      await turned(visitor, 2);
      schedule.replaceIfUnresponsive(3 * WHEEL.intervalMs);
      expect(replaced()).toBe(0);
      schedule.replaceIfUnresponsive(-1); // as though it had not asked for any since
      expect(replaced()).toBe(1);
      await turned(visitor, 2, Date.now());
      for (const slot of SLOTS) expect(areConsecutiveTurns(visitor.turnsOf(slot), slot)).toBe(true);
    },
    LONG,
  );
});

describe('a schedule', () => {
  test(
    'that has stopped, twice, has no connection left, and is not begun again',
    async ({ onTestFinished }) => {
      const own = new RedisServer();
      await own.start();
      onTestFinished(() => own.stop());
      const { schedule, visitor } = await aSchedule(own, onTestFinished);
      await schedule.resume();
      await turned(visitor, 1);
      await schedule.stop(AbortSignal.timeout(5_000));
      await schedule.stop(AbortSignal.timeout(5_000));
      await schedule.resume();
      expect(schedule.running).toBe(false);
      await vi.waitFor(async () => {
        expect(String(await own.client.client('LIST'))).not.toContain('name=callkeeper-blocking');
        expect(String(await own.client.client('LIST'))).not.toMatch(/bull:|name=\{test/);
      }, SOON);
    },
    LONG,
  );

  test(
    'goes on by itself when Redis was away, in phase',
    async ({ onTestFinished }) => {
      const own = new RedisServer();
      await own.start();
      onTestFinished(() => own.stop());
      const { schedule, visitor } = await aSchedule(own, onTestFinished, { lockMs: 1_000 });
      await schedule.resume();
      await turned(visitor, 1);
      await own.kill();
      await own.restart();
      const backAt = Date.now();
      await turned(visitor, 2, backAt);
      for (const { slot, turnAt } of visitor.turns) {
        expect(turnAt % WHEEL.intervalMs).toBe(offsetOf(slot, WHEEL));
      }
    },
    LONG,
  );

  test(
    'that had all its keys lost by FLUSHALL goes on in phase',
    async ({ onTestFinished }) => {
      const own = new RedisServer();
      await own.start();
      onTestFinished(() => own.stop());
      const { schedule, visitor, repairs } = await aSchedule(own, onTestFinished);
      await schedule.resume();
      await turned(visitor, 2);
      repairs.length = 0;
      await own.flush();
      const lostAt = Date.now();
      await vi.waitFor(
        () => expect(repairs.filter((fault) => fault === 'missing')).toHaveLength(4),
        SOON,
      );
      await turned(visitor, 2, lostAt);
      for (const slot of SLOTS) expect(areConsecutiveTurns(visitor.turnsOf(slot), slot)).toBe(true);
    },
    LONG,
  );
});
