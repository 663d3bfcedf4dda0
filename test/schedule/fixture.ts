import type { Queue } from 'bullmq';
import type { Visited, Visits } from '../../src/calls/visitor.ts';
import { offsetOf, turnAfter, turnAtOrBefore, type Wheel } from '../../src/calls/wheel.ts';
import { Schedule } from '../../src/schedule/schedule.ts';
import { openQueue, type VisitData } from '../../src/schedule/wheel-queue.ts';
import { connectFast, connectWorker } from '../../src/store/connection.ts';
import { ready, realClock, type SomeRedis, silent } from '../store/fixture.ts';

export const WHEEL: Wheel = { intervalMs: 2_000, slots: 4 };
export const SLOTS = [0, 1, 2, 3];

/** A wheel in which no turn comes for so long, whatever the time is. */
export function quietWheel(slots: number, quietMs = 60_000): Wheel {
  const now = Date.now();
  for (let intervalMs = 2 * slots * quietMs; ; intervalMs++) {
    const wheel = { intervalMs, slots };
    const turns = Array.from({ length: slots }, (_, slot) => turnAfter(slot, now, wheel));
    if (Math.min(...turns) > now + quietMs) return wheel;
  }
}

export interface Visit {
  readonly slot: number;
  readonly turnAt: number;
  readonly at: number;
}

/** Records the visits, and makes them as the test says. */
export class FakeVisitor implements Visits {
  readonly turns: Visit[] = [];
  onTurn: (visit: Visit, stop: AbortSignal) => Promise<Visited> | Visited = () => 'done';

  async visitSlot(slot: number, turnAt: number, stop: AbortSignal): Promise<Visited> {
    if (!Number.isInteger(slot)) throw new RangeError(`no slot ${slot}`);
    const visit = { slot, turnAt, at: Date.now() };
    this.turns.push(visit);
    return this.onTurn(visit, stop);
  }

  /** The visited turns of a slot, each once, in order. */
  turnsOf(slot: number, since = 0): number[] {
    const turns = this.turns.filter((visit) => visit.slot === slot && visit.turnAt >= since);
    return [...new Set(turns.map(({ turnAt }) => turnAt))].toSorted((a, b) => a - b);
  }
}

/** Registers what the test's end releases. */
export type Cleanup = (release: () => Promise<void> | void) => void;

let prefixes = 0;

/** Another queue on the same Redis. */
export const newPrefix = () => `{test-${prefixes++}}`;

/** A replica's schedule, and a queue with which the test inspects and damages it. */
export async function aSchedule(
  server: SomeRedis,
  cleanUp: Cleanup,
  over: Partial<{ prefix: string; wheel: Wheel; lockMs: number; turnGraceMs: number }> = {},
) {
  const { wheel = WHEEL, prefix = newPrefix() } = over;
  const connection = { url: server.url, timeoutMs: 5_000, log: silent };
  const redis = connectFast(connection);
  cleanUp(() => redis.disconnect());
  await ready(redis);
  const visitor = new FakeVisitor();
  const repairs: string[] = [];
  let replaced = 0;
  const schedule = new Schedule({
    redis,
    connectWorker: () => connectWorker(connection, 10_000),
    prefix,
    wheel,
    visitor,
    clock: realClock,
    lookOverMs: wheel.intervalMs / 20,
    // Long enough for a busy machine.
    turnGraceMs: wheel.intervalMs / 4,
    lockMs: 30_000,
    unresponsiveMs: 20_000,
    visitRetryMs: 50,
    log: silent,
    onRepair: (fault) => repairs.push(fault),
    onWorkerReplaced: () => replaced++,
    telemetry: null,
    ...over,
  });
  cleanUp(() => schedule.stop(AbortSignal.timeout(5_000)));
  const queue: Queue<VisitData> = openQueue(redis, prefix);
  queue.on('error', () => undefined);
  return { schedule, visitor, repairs, replaced: () => replaced, queue, prefix, redis, wheel };
}

/** Whether the instants are consecutive turns of the slot. */
export function areConsecutiveTurns(
  turns: readonly number[],
  slot: number,
  wheel = WHEEL,
): boolean {
  return turns.every(
    (turnAt, i) =>
      turnAtOrBefore(slot, turnAt, wheel) === turnAt &&
      turnAt % wheel.intervalMs === offsetOf(slot, wheel) % wheel.intervalMs &&
      (i === 0 || turnAt - (turns[i - 1] ?? 0) === wheel.intervalMs),
  );
}
