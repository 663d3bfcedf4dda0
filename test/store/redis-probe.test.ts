import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probeRedis } from '../../src/store/redis-probe.ts';
import { freePort } from '../free-port.ts';
import { clusterForFile } from '../redis/redis-cluster.ts';
import { RedisSentinels } from '../redis/redis-sentinels.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { silent } from './fixture.ts';

const server = redisForFile();
const cluster = clusterForFile();
const sentinels = new RedisSentinels();
beforeAll(() => sentinels.start(), 60_000);
afterAll(() => sentinels.stop(), 60_000);

const look = (url: string, timeoutMs = 5_000) => probeRedis({ url, timeoutMs, log: silent });

describe('a probe of Redis', () => {
  test('of one server has what it says of itself, and leaves nothing for long', async () => {
    const { servers, writeFault } = await look(server.url);
    expect(writeFault).toBeNull();
    const [{ name, info, clock } = {}, ...others] = servers;
    expect(others).toEqual([]);
    expect(name).toBe(`127.0.0.1:${server.port}`);
    expect(info?.get('aof_enabled')).toBe('1');
    expect(Math.abs((clock?.at ?? 0) - (clock?.sentAt ?? 0))).toBeLessThan(5_000);
    for (const key of await server.client.keys('*')) {
      expect(await server.client.pttl(key)).toBeLessThanOrEqual(1_000);
    }
  });

  test('of a Cluster has each of its masters', async () => {
    const { servers, writeFault } = await look(cluster.url);
    expect(writeFault).toBeNull();
    expect(servers.length).toBeGreaterThan(1);
    for (const { info } of servers) expect(info.get('role')).toBe('master');
  });

  test('by Sentinels has the master that they name', async () => {
    const { servers, writeFault } = await look(sentinels.url);
    expect(writeFault).toBeNull();
    expect(servers.map(({ info }) => info.get('role'))).toEqual(['master']);
  });

  test.each(['redis', 'redis+cluster', 'redis+sentinel'])(
    'by %s:// of nobody says so, in time',
    async (scheme) => {
      const path = scheme === 'redis+sentinel' ? '/group' : '';
      const url = `${scheme}://127.0.0.1:${await freePort()}${path}`;
      await expect(look(url, 1_000)).rejects.toThrow(/\S/);
    },
  );

  test('of what is named as another kind says which it is', async () => {
    const url = `redis+sentinel://127.0.0.1:${server.port}/group`;
    await expect(look(url)).rejects.toMatchObject({
      unsupported: { fix: 'Name it with redis://.' },
    });
  });
});
