import { describe, expect, test } from 'vitest';
import { serverFindings } from '../../../src/cli/check/redis.ts';
import { serviceOf } from '../../../src/cli/check/services.ts';
import { parseRedisUrl } from '../../../src/store/address.ts';

const AZURE = 'rediss+cluster://name.region.redis.azure.net:10000';

function findingsOf(url: string, info: Readonly<Record<string, string>>) {
  const at = Date.now();
  const server = {
    name: 'name:10000',
    info: new Map(Object.entries({ redis_version: '7.4.0', ...info })),
    clock: { at, sentAt: at, answeredAt: at },
  };
  const address = parseRedisUrl(url);
  const service = serviceOf(address, false);
  const around = { isSingle: address.kind === 'single', service, skewMs: 15_000 };
  return serverFindings(server, around).filter(({ status }) => status !== 'ok');
}

describe('a service that runs Redis', () => {
  test.each([
    [AZURE, 'Azure Managed Redis'],
    ['rediss://name.region.redis.azure.net:10000', 'Azure Managed Redis'],
    ['rediss://name.region.redisenterprise.cache.azure.net:10000', 'Azure Managed Redis'],
    ['rediss://name.redis.cache.windows.net:6380', 'Azure Cache for Redis'],
    ['rediss://name.redis.cache.usgovcloudapi.net:6380', 'Azure Cache for Redis'],
    ['redis://localhost', undefined],
    ['rediss://redis.azure.net.example', undefined],
  ])('is known by its name: %s', (url, name) => {
    expect(serviceOf(parseRedisUrl(url), false)?.name).toBe(name);
  });

  test('is Azure if it takes tokens of Entra, behind whatever name', () => {
    expect(serviceOf(parseRedisUrl('rediss://10.0.0.4'), true)?.name).toBe('Azure Managed Redis');
  });

  test('has the fixes in its portal, and not in CONFIG', () => {
    const info = { maxmemory_policy: 'volatile-lru', aof_enabled: '0' };
    const found = findingsOf(AZURE, info);
    expect(found).toMatchObject(
      [
        { check: 'redis.eviction', status: 'failed', fix: /evictionPolicy: NoEviction/ },
        { check: 'redis.persistence', status: 'warning', fix: /Data persistence/ },
      ].map(({ fix, ...rest }) => ({ ...rest, fix: expect.stringMatching(fix) })),
    );
    for (const { fix } of found) expect(fix).not.toContain('CONFIG');
    for (const { fix } of findingsOf('redis://localhost', info))
      expect(fix).toContain('CONFIG SET');
  });

  test('that says nothing of persistence is warned of all the same', () => {
    expect(findingsOf(AZURE, {})).toMatchObject([
      { check: 'redis.persistence', fix: expect.stringContaining('Data persistence') },
    ]);
  });

  test('is a Cluster by its policy, if the URL does not say so', () => {
    const url = 'rediss://name.region.redis.azure.net:10000';
    expect(findingsOf(url, { redis_mode: 'cluster', aof_enabled: '1' })).toMatchObject([
      { check: 'redis', status: 'failed', fix: expect.stringContaining('OSSCluster') },
    ]);
  });
});
