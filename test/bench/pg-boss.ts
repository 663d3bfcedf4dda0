/**
 * pg-boss with one job per call that sends the next one when it is done, as its users write work
 * that recurs at its own interval. (Its schedules are cron expressions in whole minutes, and it
 * reads all of them twice a minute.) The worker fetches batches and continues at once while they
 * are full: its fastest documented settings.
 */
import { randomUUID } from 'node:crypto';
import { PgBoss } from 'pg-boss';
import { keepAliveTo } from './peers/keep-alive.ts';
import { type Due, offsetOf, readPlan } from './peers/plan.ts';
import { serve } from './rpc.ts';

interface Data {
  readonly id: string;
  /** The planned instant, in epoch ms. */
  readonly at: number;
}

const QUEUE = 'keep-alive';
const BATCH = 500;

const { graphUrl, storeUrl, calls } = readPlan();
const keepAlive = keepAliveTo(graphUrl);
const boss = new PgBoss(storeUrl);
boss.on('error', (error) => console.error(error));
await boss.start();
await boss.createQueue(QUEUE);

serve({
  arm: async (due: Due) => {
    for (let i = 0; i < calls; i += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, calls - i) }, (_, j) => i + j);
      await insert(
        batch.map((index) => ({
          id: randomUUID(),
          at: due.firstAt + offsetOf(index, calls, due),
        })),
      );
    }
    const options = { batchSize: BATCH, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true };
    await boss.work<Data>(QUEUE, options, async (jobs) => {
      await Promise.all(jobs.map(({ data }) => keepAlive(data.id)));
      await insert(jobs.map(({ data }) => ({ id: data.id, at: data.at + due.everyMs })));
    });
  },
});

async function insert(all: readonly Data[]): Promise<void> {
  await boss.insert(
    QUEUE,
    all.map((data) => ({ data, startAfter: new Date(data.at) })),
  );
}
