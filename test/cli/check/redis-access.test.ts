import { expect, test } from 'vitest';
import { openRedis } from '../../../src/cli/check/redis-access.ts';
import { readConfig } from '../../../src/config/config.ts';

const GUID = '11111111-1111-4111-8111-111111111111';

test.each([
  ['rediss+cluster://name.region.redis.azure.net:10000', 'REDIS_AUTH=entra'],
  ['rediss://:key@name.redis.cache.windows.net:6380', 'REDIS_AUTH=entra'],
  ['redis://:password@redis.example', undefined],
])('at %s, a rejected password has the fix %s', async (url, fix) => {
  const env = { AZURE_TENANT_ID: GUID, AZURE_CLIENT_ID: GUID, AZURE_CLIENT_SECRET: 'secret' };
  const config = readConfig({ ...env, REDIS_URL: url });
  const { connection, close } = await openRedis(url, config);
  await close();
  const told = connection.credentials?.fixFor('NOAUTH')?.match(/REDIS_AUTH=entra/)?.[0];
  expect(told).toBe(fix);
});
