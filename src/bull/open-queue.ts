import type { Queue } from 'bullmq';
import type { Logger } from 'pino';

/** What every queue has: a finished job leaves nothing, and nobody reads BullMQ's own events. */
export const QUEUE_DEFAULTS = {
  skipWaitingForReady: true,
  streams: { events: { maxLen: 100 } },
} as const;

export const JOB_DEFAULTS = { removeOnComplete: true, removeOnFail: true } as const;

/**
 * Waits until a queue is ready. One that was opened while Redis was out never recovers, so each
 * attempt must open a new one.
 */
export async function whenReady<Data>(queue: Queue<Data>, log: Logger): Promise<Queue<Data>> {
  queue.on('error', (err) => log.debug({ err, queue: queue.name }, 'queue'));
  try {
    await queue.waitUntilReady();
    return queue;
  } catch (error) {
    await queue.close().catch(() => undefined); // it never was open
    throw error;
  }
}
