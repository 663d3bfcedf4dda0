import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { SLOTS, slotOf } from '../../src/calls/wheel.ts';
import { slotKeys } from '../../src/store/keys.ts';
import { encodeRecord } from '../../src/store/record-codec.ts';
import { aCall, MINUTE, recordOf } from '../calls/fixture.ts';
import { FakedClock } from '../faults/faked-clock.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { World } from './world.ts';

const redis = redisForFile();
const PATIENCE = { timeout: 60_000, interval: 100 };
const SLOW = { timeout: 120_000 };
/** The interval is long enough for clocks that are off by 5 s to count as right. */
const LONG = { KEEPALIVE_INTERVAL: '6m', KEEPALIVE_DEADLINE: '18m' };
/** For the turns that are made up for after the start, and some. A job that runs again and again costs ten times as much. */
const MOST_COMMANDS = 50_000;

async function commandsDone(): Promise<number> {
  const stats = await redis.client.info('stats');
  return Number(/total_commands_processed:(\d+)/.exec(stats)?.[1]);
}

/** A replica in `world` whose machine's clock is ahead by this many seconds. */
function replicaWithClock(world: World, aheadS: number, env: Record<string, string>) {
  const faked = new FakedClock(join(world.directory, 'clock'), aheadS).env;
  const settings = { ...env, REDIS_URL: redis.url, LOG_LEVEL: 'info' };
  return world.replica({
    ...settings,
    ...(faked as Record<string, string>),
    // The simulator's certificate is minutes old: a clock that is behind must not fail for that.
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
  });
}

test.each([
  ['3 seconds ahead of Redis’s', 3],
  ['5 seconds ahead', 5],
  ['3 seconds behind', -3],
])('calls that fail cost Redis little with a machine’s clock %s', SLOW, async (_, aheadS) => {
  await redis.flush();
  const world = await new World({ deadlineMs: 18 * 60_000 }).start();
  onTestFinished(() => world.stop());
  const replica = await replicaWithClock(world, aheadS, LONG).ready();
  await replica.logged('repaired schedulers'); // which costs more than all that follows
  world.simulator.graphFaults.set({ kind: 'status', status: 503 });
  const ids = Array.from({ length: 5 }, () => world.simulator.createCall());
  const before = await commandsDone();
  await replica.request('POST', '/calls/track', { calls: ids.map((id) => ({ id })) });
  const posts = () => ids.map((id) => world.simulator.ledger.of(id).length);
  await vi.waitFor(() => expect(Math.min(...posts())).toBeGreaterThanOrEqual(5), PATIENCE);
  const sent = posts().reduce((sum, count) => sum + count, 0);
  expect((await commandsDone()) - before).toBeLessThan(MOST_COMMANDS);
  expect(sent).toBeLessThan(100);
});

/** Turns are further apart than the test waits. */
const SPARSE = { KEEPALIVE_INTERVAL: '4m', KEEPALIVE_DEADLINE: '12m' };

/** Stores calls that have missed a turn because no replica ran. */
async function storeOverdueCalls(world: World, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => world.simulator.createCall());
  const [trackedAt, renewedAt] = [Date.now() - 20 * MINUTE, Date.now() - 6 * MINUTE];
  for (const id of ids) {
    const { tracked } = slotKeys(slotOf(id, { slots: SLOTS }), SLOTS);
    const record = recordOf(aCall({ id, trackedAt, renewedAt }));
    await redis.client.hset(tracked, id, encodeRecord(record));
  }
  return ids;
}

test(
  'a replica that starts with a wrong clock makes up at once for the turns that nobody made',
  SLOW,
  async () => {
    await redis.flush();
    const world = await new World({ deadlineMs: 12 * MINUTE }).start();
    onTestFinished(() => world.stop());
    const ids = await storeOverdueCalls(world, 64);
    const replica = replicaWithClock(world, -20, SPARSE);
    await replica.logged('in step with Redis');
    const unkept = () => ids.filter((id) => world.simulator.ledger.of(id).length === 0);
    await vi.waitFor(() => expect(unkept()).toEqual([]), PATIENCE);
    await replica.logged('local clock differs from Redis');
    const { body } = await replica.request('GET', '/readyz');
    expect(String(body.reasons)).toMatch(/the clock of this machine is [\d.]+ s behind Redis's/);
  },
);
