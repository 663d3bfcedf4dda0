import { expect, onTestFinished, test, vi } from 'vitest';
import { connectFast } from '../../src/store/connection.ts';
import { Servers } from '../../src/store/servers.ts';
import { clusterForFile } from '../redis/redis-cluster.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { ready, SOON, type SomeRedis, silent } from './fixture.ts';

const cluster = clusterForFile();
const server = redisForFile();
const PATIENCE = { timeout: 60_000, interval: 100 };

async function serversOf(some: SomeRedis): Promise<Servers> {
  const connection = { url: some.url, timeoutMs: 1_000, log: silent };
  const redis = connectFast(connection);
  onTestFinished(() => redis.disconnect());
  const servers = new Servers({ redis, connection });
  await ready(redis);
  return servers;
}

test('a new connection to a server is a change', async () => {
  const servers = await serversOf(server);
  const before = servers.countChanges();
  expect(servers.countChanges()).toBe(before);
  await server.restart();
  await vi.waitFor(() => expect(servers.countChanges()).toBeGreaterThan(before), SOON);
});

test('a master of a Cluster that takes over is a change', async () => {
  const servers = await serversOf(cluster);
  const before = servers.countChanges();
  expect(before).toBeGreaterThan(0);
  expect(servers.countChanges()).toBe(before);
  const [master] = await cluster.masters();
  if (!master) throw new Error('no master');
  await master.kill();
  await vi.waitFor(() => expect(servers.countChanges()).toBeGreaterThan(before), PATIENCE);
  await master.restart();
  await cluster.settled();
}, 90_000);
