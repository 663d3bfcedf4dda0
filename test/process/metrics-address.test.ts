import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../free-port.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { World } from './world.ts';

const redis = redisForFile();
const SLOW = { timeout: 90_000 };
/** Redis may be slow for a moment. */
const PATIENCE = { timeout: 30_000 };

async function newWorld(): Promise<World> {
  const world = await new World().start();
  onTestFinished(() => world.stop());
  return world;
}

test(
  'with METRICS_ADDRESS only that listener has the metrics, and the probes, until the end',
  SLOW,
  async () => {
    const world = await newWorld();
    const API_KEYS = 'k'.repeat(24);
    const env = { REDIS_URL: redis.url, METRICS_ADDRESS: '127.0.0.1:0', API_KEYS };
    const replica = await world.replica(env).ready();
    const { metricsUrl } = await replica.logged('listening');
    const metrics = async () => {
      const answer = await fetch(`${metricsUrl}/metrics`);
      return [answer.status, await answer.text()];
    };
    const up = expect.stringContaining('callkeeper_store_up 1\n');
    await expect.poll(metrics, PATIENCE).toEqual([200, up]);
    for (const probe of ['livez', 'readyz']) {
      await expect
        .poll(async () => (await fetch(`${metricsUrl}/${probe}`)).status, PATIENCE)
        .toBe(200);
    }
    expect((await fetch(`${metricsUrl}/calls`)).status).toBe(404);
    const authorization = `Bearer ${API_KEYS}`;
    expect((await replica.request('GET', '/metrics', undefined, { authorization })).status).toBe(
      404,
    );
    await expect
      .poll(async () => (await replica.request('GET', '/readyz')).status, PATIENCE)
      .toBe(200);
    expect(await replica.stop()).toBe(0);
    await expect(fetch(`${metricsUrl}/metrics`)).rejects.toThrow();
  },
);

test('a METRICS_ADDRESS that is taken stops the start and says so', SLOW, async () => {
  const world = await newWorld();
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const METRICS_ADDRESS = `127.0.0.1:${port}`;
  const replica = world.replica({ REDIS_URL: redis.url, METRICS_ADDRESS });
  expect(await replica.exit()).toBe(1);
  expect(replica.output).toContain(
    `METRICS_ADDRESS: listen EADDRINUSE: address already in use ${METRICS_ADDRESS}`,
  );
});
