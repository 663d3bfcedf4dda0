import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { assertSupported } from '../../src/store/supported.ts';
import { UnsupportedRedisError } from '../../src/store/unsupported.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast } from './fixture.ts';

const server = redisForFile();
const saying = (info: string) => ({ info: async () => info }) as unknown as Redis;

describe('a Redis', () => {
  test('that evicts nothing is supported', async () => {
    await expect(assertSupported(await fast(server))).resolves.toBeUndefined();
  });

  test.each(['allkeys-lru', 'volatile-ttl'])(
    'that evicts by %s is refused, and the message says how to fix it',
    async (policy) => {
      const redis = await fast(server);
      await server.client.config('SET', 'maxmemory-policy', policy);
      try {
        const refusal = await assertSupported(redis).catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(UnsupportedRedisError);
        expect((refusal as Error).message).toBe(
          `Redis has maxmemory-policy ${policy}: under memory pressure it would drop calls in silence. ` +
            'Set it to noeviction (redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf; in the portal if a service runs Redis).',
        );
      } finally {
        await server.client.config('SET', 'maxmemory-policy', 'noeviction');
      }
      await expect(assertSupported(redis)).resolves.toBeUndefined();
    },
  );

  test.each(['5.0.7', '6.0.16', '6.1.9', '2.8', '0.0'])(
    'of version %s is too old',
    async (version) => {
      await expect(
        assertSupported(saying(`redis_version:${version}\r\nmaxmemory_policy:noeviction\r\n`)),
      ).rejects.toThrow(
        `Redis ${version} is too old: 6.2 or newer is needed. Upgrade the server that REDIS_URL names.`,
      );
    },
  );

  test.each(['6.2.0', '6.10.1', '7.0.15', '10.0.0'])(
    'of version %s is new enough',
    async (version) => {
      await expect(
        assertSupported(saying(`redis_version:${version}\r\nmaxmemory_policy:noeviction\r\n`)),
      ).resolves.toBeUndefined();
    },
  );

  test('that tells nothing of its policy, as some services do, is given the benefit of the doubt', async () => {
    await expect(assertSupported(saying('redis_version:7.4.0\n'))).resolves.toBeUndefined();
  });
});
