import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { scenario } from './scenario.ts';
import { readMetrics } from './told.ts';

describe('no call passes its deadline', () => {
  scenario('when a replica is killed in the middle of its requests', {}, async (world) => {
    world.simulator.graphFaults.set({ kind: 'delay', delayMs: 300 });
    await sleep(1_000);
    await world.replica(0).kill();
    world.simulator.graphFaults.clear();
    await world.startReplicas(1);
  });

  scenario('when replicas are replaced one after the other', {}, async (world) => {
    for (let i = 0; i < 2; i++) {
      await world.startReplicas(1);
      await Promise.all([world.replica(i).stop(), world.bot.startCalls(5)]);
      expect(world.replica(i).exitCode).toBe(0);
    }
  });

  scenario("when BullMQ's workers take no jobs, and are replaced for it", {}, async (world) => {
    for (const replica of world.replicas) replica.afflict('deafen');
    await sleep(8_000);
    const metrics = await readMetrics(world);
    expect(metrics.get('callkeeper_workers_replaced_total')).toBeGreaterThanOrEqual(2);
  });

  scenario(
    'when a proxy answers 404 to everything, and nothing is dropped for it',
    { metricsEqualLedger: true },
    async ({ simulator }) => {
      simulator.graphFaults.set({ kind: 'html404' });
      await sleep(4_500);
      simulator.graphFaults.clear();
    },
  );

  scenario(
    'when the clock of the only replica is 45 minutes ahead',
    { replicas: 1, clocksAheadS: [45 * 60] },
    async () => {
      await sleep(8_000);
    },
  );
});
