import { type ConnectionOptions, Queue } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import { JOB_DEFAULTS, QUEUE_DEFAULTS } from '../bull/open-queue.ts';

/** One event for one receiver. The event's id makes the job's id, so it is in the queue once. */
export interface Delivery {
  readonly id: string;
  readonly callId: string;
  readonly app: string;
  /** The call's own, if any. Each attempt finds the URL by the configuration of that time. */
  readonly webhookUrl: string | null;
  /** The same text at each attempt. */
  readonly body: string;
  /** When it happened, epoch ms. */
  readonly at: number;
}

export const QUEUE_NAME = 'webhooks';

/** More attempts than a delivery has time for: its time limit ends it. */
const ATTEMPTS = 1_000_000;

export function openQueue(connection: ConnectionOptions, prefix: string): Queue<Delivery> {
  return new Queue<Delivery>(QUEUE_NAME, {
    ...QUEUE_DEFAULTS,
    connection,
    prefix,
    defaultJobOptions: {
      ...JOB_DEFAULTS,
      attempts: ATTEMPTS,
      backoff: { type: 'custom' },
    },
  });
}

/**
 * Whether a worker should have taken a delivery: one waits, or was due more than the grace ago.
 * BullMQ's score of a delayed job is its instant times 4,096.
 */
export async function hasUntaken(
  queue: Queue<Delivery>,
  redis: Redis | Cluster,
  graceMs: number,
): Promise<boolean> {
  if ((await queue.getWaitingCount()) > 0) return true;
  const [, score] = await redis.zrange(queue.toKey('delayed'), '0', '0', 'WITHSCORES');
  return score !== undefined && Number(score) / 4_096 < Date.now() - graceMs;
}

/** BullMQ allows no colon in a job's id. No event's id has a tilde, so the ids stay distinct. */
export function jobIdOf(eventId: string): string {
  return eventId.replaceAll(':', '~');
}
