/**
 * The least that a keepAlive can cost: a timer per call in one process, and undici. Nothing
 * survives a restart, nothing is retried.
 */
import { randomUUID } from 'node:crypto';
import { keepAliveTo } from './peers/keep-alive.ts';
import { type Due, offsetOf, readPlan } from './peers/plan.ts';
import { serve } from './rpc.ts';

const { graphUrl, calls } = readPlan();
const keepAlive = keepAliveTo(graphUrl);

serve({
  arm: (due: Due) => {
    for (let i = 0; i < calls; i++) wind(randomUUID(), due.firstAt + offsetOf(i, calls, due), due);
  },
});

function wind(id: string, at: number, due: Due): void {
  setTimeout(() => {
    wind(id, at + due.everyMs, due);
    void keepAlive(id);
  }, at - Date.now());
}
