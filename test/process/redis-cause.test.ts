import { expect, onTestFinished, test } from 'vitest';
import { redisForFile } from '../redis/redis-server.ts';
import { aRelayFromAfar } from '../redis/relay.ts';
import { World } from './world.ts';

const redis = redisForFile();
const SLOW = { timeout: 90_000 };

async function newWorld(): Promise<World> {
  const world = await new World().start();
  onTestFinished(() => world.stop());
  return world;
}

const overviewOf = async (request: (method: string, path: string) => Promise<{ body: unknown }>) =>
  (await request('GET', '/overview')).body as { redis: unknown };

test('the log, readyz and the board say that Redis rejects the password', SLOW, async () => {
  const world = await newWorld();
  await redis.client.acl('SETUSER', 'callkeeper', 'on', '>right', '~*', '&*', '+@all');
  const url = redis.url.replace('//', '//callkeeper:the-wr0ng-one@');
  const replica = world.replica({ REDIS_URL: url });
  const what = 'Redis rejects the user or the password (WRONGPASS)';
  await replica.logged(`Redis does not serve: ${what}`);
  await replica.logged('Redis is out');
  const readyz = await replica.request('GET', '/readyz');
  expect(readyz).toMatchObject({
    status: 503,
    body: { reasons: expect.arrayContaining([`Redis is out: ${what}`]) },
  });
  const { redis: told } = await overviewOf((...args) => replica.request(...args));
  const fix = 'Put the user and the password of Redis into REDIS_URL.';
  expect(told).toEqual({ up: false, cause: what, fix });
  expect(replica.output).not.toContain('the-wr0ng-one');
});

test('a start with an embedded redis-server warns of nothing', SLOW, async () => {
  const world = await newWorld();
  const replica = await world.replica({ LOG_LEVEL: 'info' }).ready();
  expect(replica.log.filter(({ level }) => Number(level) > 30)).toEqual([]);
});

test('protected mode is in the log, and nothing of ioredis is on stderr', SLOW, async () => {
  const world = await newWorld();
  const url = `redis://127.0.0.1:${await aRelayFromAfar(redis.port)}`;
  const replica = world.replica({ REDIS_URL: url });
  const { code } = await replica.logged(
    'Redis does not serve: Redis is in protected mode: it takes connections from its own host only (DENIED)',
  );
  expect(code).toBe('DENIED');
  // ioredis takes the refusal for one of a password that is not needed.
  await replica.logged('a library warns');
  expect(replica.stderr).toBe('');
});
