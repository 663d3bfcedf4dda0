import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { connectFast } from '../../src/store/connection.ts';
import { slotKeys } from '../../src/store/keys.ts';
import { Servers } from '../../src/store/servers.ts';
import { clusterForFile } from '../redis/redis-cluster.ts';
import { type RedisServer, redisForFile } from '../redis/redis-server.ts';
import { ready, SOON, type SomeRedis, silent } from './fixture.ts';

const cluster = clusterForFile(['--cluster-require-full-coverage', 'no']);
const server = redisForFile();
const SLOTS = 32;
const PATIENCE = { timeout: 60_000, interval: 100 };

async function serversOf(some: SomeRedis): Promise<Servers> {
  const connection = { url: some.url, timeoutMs: 1_000, log: silent };
  const redis = connectFast(connection);
  onTestFinished(() => redis.disconnect());
  const servers = new Servers({ redis, connection, slots: SLOTS });
  await ready(redis);
  return servers;
}

async function slotsOf(master: RedisServer): Promise<Set<number>> {
  const owned = new Set<number>();
  for (let slot = 0; slot < SLOTS; slot++) {
    if ((await cluster.masterOf(slotKeys(slot, SLOTS).calls)) === master) owned.add(slot);
  }
  return owned;
}

describe('of one server', () => {
  test('no slot is silent by itself, and a new connection is a change', async () => {
    const servers = await serversOf(server);
    const before = servers.changes;
    await server.kill();
    expect(await servers.findSilent()).toEqual(new Set());
    await server.restart();
    await vi.waitFor(() => expect(servers.changes).toBeGreaterThan(before), SOON);
  });
});

describe('of a Cluster', () => {
  test('no slot is silent while all masters serve, and nothing changes', async () => {
    const servers = await serversOf(cluster);
    expect(await servers.findSilent()).toEqual(new Set());
    const { changes } = servers;
    expect(changes).toBeGreaterThan(0);
    expect(await servers.findSilent()).toEqual(new Set());
    expect(servers.changes).toBe(changes);
  });

  test('the slots are silent that a dead master had, until its replica has taken over, which is a change', async () => {
    const servers = await serversOf(cluster);
    await servers.findSilent();
    const before = servers.changes;
    const [master] = await cluster.masters();
    if (!master) throw new Error('no master');
    const owned = await slotsOf(master);
    expect(owned.size).toBeGreaterThan(0);
    await master.kill();
    await vi.waitFor(async () => expect(await servers.findSilent()).toEqual(owned), PATIENCE);
    await vi.waitFor(async () => expect(await servers.findSilent()).toEqual(new Set()), PATIENCE);
    expect(servers.changes).toBeGreaterThan(before);
    await master.restart();
    await cluster.settled();
  }, 90_000);

  test('the slots are silent of a master that takes no writes', async () => {
    const servers = await serversOf(cluster);
    const [, master] = await cluster.masters();
    if (!master) throw new Error('no master');
    await master.client.config('SET', 'maxmemory', 1);
    expect(await servers.findSilent()).toEqual(await slotsOf(master));
    await master.client.config('SET', 'maxmemory', 0);
    expect(await servers.findSilent()).toEqual(new Set());
  });
});
