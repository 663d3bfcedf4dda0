import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
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

test.each([
  ['3 seconds ahead of Redis’s', 3],
  ['5 seconds ahead', 5],
  ['3 seconds behind', -3],
])('calls that fail cost Redis little with a machine’s clock %s', SLOW, async (_, aheadS) => {
  await redis.flush();
  const world = await new World({ deadlineMs: 18 * 60_000 }).start();
  onTestFinished(() => world.stop());
  const env: Record<string, string> = { ...LONG, REDIS_URL: redis.url, LOG_LEVEL: 'info' };
  const faked = new FakedClock(join(world.directory, 'clock'), aheadS).env;
  const replica = await world
    .replica({ ...env, ...(faked as Record<string, string>), NODE_TLS_REJECT_UNAUTHORIZED: '0' })
    .ready();
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
