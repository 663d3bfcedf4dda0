import { pino } from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { Turns } from '../../src/daemon/turns.ts';
import { Emitter } from '../../src/store/emitter.ts';
import type { LinkEvents, RedisLink } from '../../src/store/redis-link.ts';

class FakeLink extends Emitter<LinkEvents> {
  beat = () => this.emit('beat', undefined);
  lose = () => this.emit('lost', null);
}

function someTurns(aheadMs = 0) {
  const schedule = {
    running: false,
    resume: vi.fn<() => Promise<void>>(async () => {
      schedule.running = true;
    }),
    suspend: vi.fn<() => Promise<void>>(async () => {
      schedule.running = false;
    }),
    replaceIfUnresponsive: vi.fn<(forMs: number) => void>(),
  };
  const clock = { machineAheadMs: () => aheadMs };
  const durations = { skewMs: 500, lockMs: 1_000, unresponsiveMs: 6_000, outGraceMs: 1_000 };
  const link = new FakeLink();
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const turns = new Turns({ schedule, clock, durations, log });
  turns.follow(link as unknown as RedisLink);
  return {
    schedule,
    link,
    turns,
    lines,
    setAhead: (ms: number) => {
      aheadMs = ms;
    },
  };
}

describe('turns of the wheel', () => {
  test('are taken by a working worker while Redis answers, and not while it is out', async () => {
    const { schedule, link } = someTurns();
    await link.beat();
    expect(schedule.running).toBe(true);
    expect(schedule.replaceIfUnresponsive).toHaveBeenCalledWith(6_000);
    await link.lose();
    expect(schedule.running).toBe(false);
  });

  test.each([501, -501])('are left to others while the clock is %i ms off', async (aheadMs) => {
    const { schedule, link, setAhead } = someTurns();
    await link.beat();
    setAhead(aheadMs);
    await link.beat();
    expect(schedule.running).toBe(false);
    setAhead(0);
    await link.beat();
    expect(schedule.running).toBe(true);
  });

  test('are logged once if they are not taken, even at the start, and once when they are', async () => {
    const { schedule, link, turns, lines, setAhead } = someTurns(-20_000);
    const beats = async () => {
      for (let i = 0; i < 3; i++) await link.beat();
      return turns.obstacle;
    };
    expect(await beats()).toBe("the clock of this machine is 20.0 s behind Redis's");
    setAhead(0);
    schedule.resume.mockRejectedValue(new Error('NOPERM User bot has no permissions'));
    const queue = 'the queue cannot be opened: the ACL user lacks a permission (NOPERM)';
    expect(await beats()).toBe(queue);
    schedule.resume.mockResolvedValue();
    expect(await beats()).toBeNull();
    expect(lines).toEqual([
      'local clock differs from Redis: not taking turns',
      queue,
      'this replica takes turns now',
    ]);
  });

  test('do not make Redis count as out if the queue does not answer', async () => {
    const { schedule, link } = someTurns();
    schedule.resume.mockRejectedValueOnce(new Error('WRONGTYPE'));
    await expect(link.beat()).resolves.toBeUndefined();
  });
});
