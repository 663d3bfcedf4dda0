/**
 * One BullMQ Job Scheduler per call, and a worker that posts the keepAlive: how most people would
 * write it.
 */
import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { keepAliveTo } from './peers/keep-alive.ts';
import { type Due, offsetOf, readPlan } from './peers/plan.ts';
import { serve } from './rpc.ts';

const NAME = 'keep-alive';
/** The same as the daemon's. */
const CONCURRENCY = 64;
const BATCH = 500;

const { graphUrl, storeUrl, calls } = readPlan();
const keepAlive = keepAliveTo(graphUrl);
const redis = new Redis(storeUrl, { maxRetriesPerRequest: null });
const queue = new Queue<{ id: string }>(NAME, { connection: redis });

serve({
  arm: async (due: Due) => {
    await schedule(due);
    const worker = new Worker<{ id: string }>(NAME, ({ data }) => keepAlive(data.id), {
      connection: redis.duplicate(),
      concurrency: CONCURRENCY,
    });
    worker.on('error', (error) => console.error(error));
    await worker.waitUntilReady();
  },
});

async function schedule(due: Due): Promise<void> {
  const { firstAt, everyMs } = due;
  for (let i = 0; i < calls; i += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, calls - i) }, (_, j) => i + j);
    await Promise.all(
      batch.map((index) => {
        const id = randomUUID();
        // 0 counts as none.
        const offset = 1 + ((firstAt - 1 + offsetOf(index, calls, due)) % everyMs);
        return queue.upsertJobScheduler(
          id,
          { every: everyMs, offset },
          { name: 'keepAlive', data: { id }, opts: { removeOnComplete: true, removeOnFail: true } },
        );
      }),
    );
  }
}
