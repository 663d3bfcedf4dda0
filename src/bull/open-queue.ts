import type { Queue } from 'bullmq';
import type { Logger } from 'pino';
import { QueueErrors } from './queue-errors.ts';

/** What every queue has: a finished job leaves nothing, and nobody reads BullMQ's own events. */
export const QUEUE_DEFAULTS = {
  skipWaitingForReady: true,
  streams: { events: { maxLen: 100 } },
} as const;

/** BullMQ would keep the stack traces of the last failed attempts, which nobody reads. */
export const JOB_DEFAULTS = {
  removeOnComplete: true,
  removeOnFail: true,
  stackTraceLimit: 0,
} as const;

/**
 * Waits until a queue is ready. One that was opened while Redis was out never recovers, so each
 * attempt must open a new one.
 */
export async function whenReady<Data>(queue: Queue<Data>, log: Logger): Promise<Queue<Data>> {
  queue.on('error', () => undefined); // waitUntilReady rejects with the error
  try {
    await queue.waitUntilReady();
    const errors = new QueueErrors(log);
    queue.on('error', (err) => errors.note(err, `the queue "${queue.name}" fails`));
    return queue;
  } catch (error) {
    await queue.close().catch(() => undefined); // it never was open
    throw error;
  }
}
