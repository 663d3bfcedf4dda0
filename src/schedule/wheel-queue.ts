import { type Job, Queue, type Telemetry } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import { JOB_DEFAULTS, QUEUE_DEFAULTS } from '../bull/open-queue.ts';

/**
 * A job of the wheel. It names the slot to visit, never the calls in it: those are in the registry.
 * The slot's Job Scheduler adds a job for each turn. A replica adds one if the scheduler missed the
 * turn; only then `turnAt` is set.
 */
export interface VisitData {
  readonly slot: number;
  readonly turnAt?: number;
}

export const QUEUE_NAME = 'wheel';

export interface QueueTelemetry {
  readonly queue: Telemetry;
  readonly worker: Telemetry;
}

export function openQueue(
  connection: Redis | Cluster,
  prefix: string,
  telemetry: Telemetry | null = null,
): Queue<VisitData> {
  return new Queue<VisitData>(QUEUE_NAME, {
    ...QUEUE_DEFAULTS,
    connection,
    prefix,
    defaultJobOptions: JOB_DEFAULTS,
    ...(telemetry && { telemetry }),
  });
}

export function schedulerId(slot: number): string {
  return `slot-${slot}`;
}

export function turnJobId(slot: number, turnAt: number): string {
  return `repeat:${schedulerId(slot)}:${turnAt}`;
}

/** The instant that a turn was planned for. A scheduler's job has it only in its id. */
export function plannedAt(job: Job<VisitData>): number {
  if (job.data.turnAt !== undefined) return job.data.turnAt;
  const match = /:(\d+)$/.exec(job.id ?? '');
  return match ? Number(match[1]) : job.timestamp;
}
