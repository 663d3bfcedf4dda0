import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { readMetrics } from '../faults/observations.ts';
import { scenario } from '../faults/scenario.ts';
import { RedisCluster } from '../redis/redis-cluster.ts';
import type { RedisServer } from '../redis/redis-server.ts';
import { aSchedule } from '../schedule/fixture.ts';

const PREFIX = '{workers}';
const WORKERS = 8;
/** The blocking connection's socket may say nothing for 15 s; a worker that asks for no job for longer is unresponsive. */
const UNRESPONSIVE_MS = 20_000;
const PATIENCE = { timeout: 90_000, interval: 500 };

/** Longer than a node may give no sign of life: another takes over. */
const HUNG_MS = 8_000;

describe('every worker of a Cluster takes jobs again', () => {
  test.each<
    [string, (master: RedisServer) => Promise<void>, (master: RedisServer) => Promise<void>]
  >([
    ['is killed', (master) => master.kill(), (master) => master.restart()],
    [
      'hangs',
      async (master) => {
        master.freeze();
        await sleep(HUNG_MS);
      },
      async (master) => master.thaw(),
    ],
  ])('after the master %s that its queue is on', { timeout: 240_000 }, async (_, harm, mend) => {
    await using stack = new AsyncDisposableStack();
    const cluster = new RedisCluster();
    stack.defer(() => cluster.stop());
    await cluster.start();
    const cleanUp = (release: () => Promise<void> | void) => stack.defer(async () => release());
    const made = Array.from({ length: WORKERS }, () =>
      aSchedule(cluster, cleanUp, { prefix: PREFIX }),
    );
    const schedules = await Promise.all(made);
    await Promise.all(schedules.map(({ schedule }) => schedule.resume()));
    const [{ queue }] = schedules as [(typeof schedules)[0]];
    const done = new AbortController();
    const asking = (async () => {
      while (!done.signal.aborted) {
        await queue.add('turn', { slot: 0 }).catch(() => undefined); // for now
        await sleep(20);
      }
    })();
    const allTakeJobs = async () => {
      const before = schedules.map(({ visitor }) => visitor.turns.length);
      await vi.waitFor(() => {
        // As the daemon does with each sign of life.
        for (const { schedule } of schedules) schedule.replaceIfUnresponsive(UNRESPONSIVE_MS);
        const taken = schedules.map(({ visitor }, i) => visitor.turns.length - (before[i] ?? 0));
        expect(Math.min(...taken)).toBeGreaterThan(0);
      }, PATIENCE);
    };
    await allTakeJobs();
    for (let i = 0; i < 2; i++) {
      const master = await cluster.masterOf(PREFIX);
      await harm(master);
      if (!master.running) await cluster.settled();
      await mend(master);
      await cluster.settled();
      await allTakeJobs();
    }
    done.abort();
    await asking;
    const replaced = schedules.reduce((sum, one) => sum + one.replaced(), 0);
    process.stdout.write(`  ${WORKERS} workers, ${replaced} of them replaced\n`);
  });
});

describe('no call passes its deadline', () => {
  scenario(
    "when BullMQ's workers take no jobs from a Cluster, and are replaced for it",
    { group: new RedisCluster() },
    async (world) => {
      for (const replica of world.replicas) replica.afflict('stopFetching');
      await sleep(8_000);
      const metrics = await readMetrics(world);
      expect(metrics.get('callkeeper_workers_replaced_total')).toBeGreaterThanOrEqual(2);
    },
  );
});
