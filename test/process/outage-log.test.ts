import { expect, onTestFinished, test, vi } from 'vitest';
import { redisForFile } from '../redis/redis-server.ts';
import type { LogLine } from './replica.ts';
import { World } from './world.ts';

const redis = redisForFile();
const SLOW = { timeout: 120_000 };
const PATIENCE = { timeout: 60_000, interval: 50 };
const CALLS = 40;

async function newWorld(): Promise<World> {
  const world = await new World({ deadlineMs: 300_000 }).start();
  onTestFinished(() => world.stop());
  return world;
}

test(
  'while Graph fails for every call, the log counts, and has each attempt at debug',
  SLOW,
  async () => {
    const world = await newWorld();
    const env = { REDIS_URL: redis.url, KEEPALIVE_INTERVAL: '60s', KEEPALIVE_DEADLINE: '300s' };
    const replica = await world.replica(env).ready();
    const message = 'An error has occurred.';
    const body = JSON.stringify({ error: { code: 'InternalServerError', message } });
    world.simulator.graphFaults.set({ kind: 'status', status: 500, body });
    const calls = Array.from({ length: CALLS }, () => ({ id: world.simulator.createCall() }));
    await replica.request('POST', '/calls/track', { calls });
    const failed = () => replica.log.filter(({ event }) => event === 'failed');
    await vi.waitFor(
      () => expect(new Set(failed().map(({ call }) => call)).size).toBe(CALLS),
      PATIENCE,
    );
    expect(failed().filter(({ level }) => level !== 'debug')).toEqual([]);
    const loud = replica.log.filter(({ level }) => level === 'warn' || level === 'error');
    expect(loud.filter(({ event }) => event === 'failing-first')).toHaveLength(1);
    expect(loud.length).toBeLessThan(5);
    expect(await replica.stop()).toBe(0);
    const counted = replica.log.filter(({ event }) => String(event).startsWith('failing-'));
    const attempts = counted.map(({ attempts }) => Number(attempts));
    expect(attempts.reduce((sum, one) => sum + one, 0)).toBe(failed().length);
  },
);

test.each([
  [
    'a Redis that refuses',
    () => ({ REDIS_URL: 'redis://127.0.0.1:1' }),
    'error',
    'nothing listens there',
  ],
  ['a port in use', () => ({ PORT: String(redis.port) }), 'fatal', 'HOST and PORT: '],
])('the line about %s has the cause and says what to run', SLOW, async (_, env, level, why) => {
  const replica = (await newWorld()).replica({ REDIS_URL: redis.url, ...env() });
  const is = (line: LogLine) => line.level === level;
  const line = await vi.waitFor(
    () => replica.log.find(is) ?? Promise.reject(new Error()),
    PATIENCE,
  );
  expect(line.msg).toContain(why);
  expect(line.msg).toMatch(/ Run `callkeeper check`$/);
});
