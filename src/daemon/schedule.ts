import type { PlanTimings } from '../calls/plan.ts';
import type { CallKeeper } from '../calls/ports.ts';
import type { Visits } from '../calls/visitor.ts';
import { Schedule } from '../schedule/schedule.ts';
import { Watch } from '../schedule/watch.ts';
import type { RedisClient, WorkerConnection } from '../store/connection.ts';
import { QUEUE_PREFIX } from '../store/keys.ts';
import type { RedisLink } from '../store/redis-link.ts';
import type { RedisRegistry } from '../store/redis-registry.ts';
import type { RegistrySlots } from '../store/slots.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { Context } from './context.ts';
import { Turns } from './turns.ts';

export interface ScheduleNeeds {
  readonly forQueues: RedisClient;
  readonly connectWorker: () => WorkerConnection;
  readonly link: RedisLink;
  readonly shared: RedisRegistry;
  readonly slots: RegistrySlots;
  readonly keeper: CallKeeper;
  readonly timings: PlanTimings;
  readonly visitor: Visits;
  readonly tracing: Pick<Tracing, 'telemetry'> | null;
}

/** The visits of slots: the wheel makes them in their turns, the watch if a turn was missed. */
export function openSchedule(context: Context, needs: ScheduleNeeds) {
  const { metrics, durations } = context;
  const { forQueues, connectWorker, link, shared, slots, keeper, timings, visitor } = needs;
  const schedule = new Schedule({
    ...context,
    ...durations,
    redis: forQueues,
    connectWorker,
    prefix: QUEUE_PREFIX,
    visitor,
    onRepair: (fault) => metrics.schedulerRepaired(fault),
    onWorkerReplaced: () => metrics.workerReplaced(),
    telemetry: needs.tracing?.telemetry ?? null,
  });
  const watch = new Watch({
    ...context,
    timings,
    graceMs: durations.watchGraceMs,
    slots,
    visitor,
    isUp: () => link.up,
    lock: (slot) => shared.tryLock(slot, 2 * durations.graph.totalMs),
    retryGraceMs: durations.retryGraceMs,
    keeper,
    onMissed: () => metrics.missedTurn(),
  });
  const turns = new Turns({ ...context, schedule });
  return { schedule, watch, turns, start: () => watch.start() };
}
