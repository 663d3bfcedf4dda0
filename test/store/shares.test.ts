import { beforeEach, expect, test } from 'vitest';
import { REPLICAS_KEY, shareKey } from '../../src/store/keys.ts';
import { Shares } from '../../src/store/shares.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

/** A replica that is known to live, over a clock of the test's own. */
async function aReplica(replica: string, version = '1.0.0') {
  const time = { ms: 0 };
  const redis = await fast(server);
  await server.client.zadd(REPLICAS_KEY, 1, replica);
  const options = { windowMs: 15_000, believedMs: 60_000, elapsedMs: () => time.ms };
  return { time, shares: new Shares({ redis, replica, version, ...options }) };
}

test('a replica knows what the others have sent lately, as they said last', async () => {
  const [a, b] = [await aReplica('a'), await aReplica('b', '1.1.0')];
  for (let i = 0; i < 3; i++) b.shares.count();
  await b.shares.exchange();
  await a.shares.exchange();
  expect(a.shares.own).toEqual({ replica: 'a', version: '1.0.0', keepAlives: 0, startedAt: null });
  expect(a.shares.others).toEqual([
    { replica: 'b', version: '1.1.0', keepAlives: 3, startedAt: null },
  ]);
  expect(b.shares.others).toEqual([{ replica: 'a', version: '', keepAlives: 0, startedAt: null }]);
});

test('what was sent before the window does not count any more', async () => {
  const { time, shares } = await aReplica('a');
  shares.count();
  time.ms = 14_000;
  shares.count();
  shares.count();
  expect(shares.own.keepAlives).toBe(3);
  time.ms = 16_000;
  expect(shares.own.keepAlives).toBe(2);
  time.ms = 60_000;
  expect(shares.own.keepAlives).toBe(0);
});

test('one that left is none of the others, and what it said expires', async () => {
  const [a, b] = [await aReplica('a'), await aReplica('b')];
  await b.shares.exchange();
  expect(await server.client.pttl(shareKey('b'))).toBeGreaterThan(0);
  await server.client.zrem(REPLICAS_KEY, 'b');
  await a.shares.exchange();
  expect(a.shares.others).toEqual([]);
});

test.each(['', 'nonsense', 'null', '[1]', '{"keepAlives":-1,"version":7}', '{"keepAlives":"9"}'])(
  'what is not as written by us (%j) is no share, and no fault',
  async (text) => {
    const a = await aReplica('a');
    await aReplica('b');
    await server.client.set(shareKey('b'), text);
    await a.shares.exchange();
    expect(a.shares.others).toEqual([
      { replica: 'b', version: '', keepAlives: 0, startedAt: null },
    ]);
  },
);
