import { tmpdir } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { Replica } from '../../src/demo/replica.ts';
import { replicaEnvironment } from '../../src/demo/replica-environment.ts';
import { Simulator } from '../../src/simulator/simulator.ts';
import { freePort } from '../free-port.ts';
import { redisForFile } from '../redis/redis-server.ts';

const redis = redisForFile();

async function aReplica(over: Record<string, string> = {}) {
  const simulator = new Simulator({ graphPort: 0, entraPort: 0, deadlineMs: 30_000 });
  await simulator.start();
  const news: string[] = [];
  const env = replicaEnvironment({
    simulator,
    caPath: '/nonexistent',
    redisUrl: redis.url,
    intervalMs: 10_000,
    deadlineMs: 30_000,
    ownerGraceMs: 5_000,
  });
  const replica = new Replica({
    name: 'A',
    port: await freePort(),
    env: { ...env, ...over },
    directory: tmpdir(),
    onLine: () => undefined,
    onNews: (text) => news.push(text),
  });
  onTestFinished(async () => {
    await replica.stop();
    await simulator.stop();
  });
  return { replica, news };
}

test('a replica of the demo is waited for, and says why it is not ready', async () => {
  const { replica, news } = await aReplica();
  await redis.kill();
  let isReady = false;
  const started = replica.start(new AbortController().signal).then(() => {
    isReady = true;
  });
  await expect
    .poll(() => news.join('\n'), { timeout: 60_000 })
    .toMatch(/^is not ready after \d+ s: .*Redis.*ECONNREFUSED/m);
  expect(isReady).toBe(false);
  await redis.restart();
  await started;
}, 120_000);

test('a replica of the demo that ends before it is ready is not waited for', async () => {
  const { replica } = await aReplica({ KEEPALIVE_INTERVAL: 'soon' });
  await expect(replica.start(new AbortController().signal)).rejects.toThrow(
    'replica A ended before it was ready',
  );
}, 60_000);

test('nobody waits for a replica of the demo after the end', async () => {
  const { replica } = await aReplica();
  const stop = new AbortController();
  const started = replica.start(stop.signal);
  stop.abort();
  await started;
}, 60_000);
