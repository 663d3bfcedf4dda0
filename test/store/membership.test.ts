import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RedisClient } from '../../src/store/connection.ts';
import { connectFast } from '../../src/store/connection.ts';
import { REPLICAS_KEY, WHEEL_KEY } from '../../src/store/keys.ts';
import { Membership, type OnClock } from '../../src/store/membership.ts';
import { Link } from '../faults/link.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast, SOON, silent } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const INTERVAL_MS = 900_000;

const living = async () => (await server.client.zrange(REPLICAS_KEY, '0', '-1')).toSorted();

async function aMember(
  replica: string,
  over: {
    redis?: RedisClient;
    intervalMs?: number;
    heartbeatTtlMs?: number;
    onClock?: OnClock;
  } = {},
) {
  return new Membership({
    redis: over.redis ?? (await fast(server)),
    intervalMs: INTERVAL_MS,
    replica,
    heartbeatTtlMs: 60_000,
    onClock: () => undefined,
    ...over,
  });
}

describe('a replica', () => {
  test('that is the first sets the interval, the others join it', async () => {
    const [a, b] = [await aMember('a'), await aMember('b')];
    expect(await a.join()).toEqual({ kind: 'joined', wasEmpty: true });
    expect(await b.join()).toMatchObject({ kind: 'joined', wasEmpty: false });
    expect(await a.join()).toMatchObject({ kind: 'joined', wasEmpty: false });
    expect(await server.client.get(WHEEL_KEY)).toBe('900000');
    expect(await living()).toEqual(['a', 'b']);
  });

  test('with another interval learns which replicas live with the valid one, and is not counted', async () => {
    const other = await aMember('other', { intervalMs: 5_000 });
    await (await aMember('a')).join();
    await (await aMember('b')).join();
    expect(await other.join()).toEqual({
      kind: 'different',
      laidMs: INTERVAL_MS,
      others: ['a', 'b'],
    });
    expect(await living()).toEqual(['a', 'b']);
    expect(await server.client.get(WHEEL_KEY)).toBe('900000');
  });

  test('that left does not count any more', async () => {
    const a = await aMember('a');
    await a.join();
    await a.leave();
    const other = await aMember('other', { intervalMs: 5_000 });
    expect(await other.join()).toMatchObject({ kind: 'joined' });
    expect(await a.join()).toEqual({ kind: 'different', laidMs: 5_000, others: ['other'] });
  });

  test('without a heartbeat counts as alive for a while, by Redis’s clock', async () => {
    await (await aMember('dead', { heartbeatTtlMs: 50 })).join();
    await (await aMember('alive')).join();
    const other = await aMember('other', { intervalMs: 5_000 });
    await vi.waitFor(async () => {
      expect(await other.join()).toMatchObject({ others: ['alive'] });
    }, SOON);
    const [seconds = '0'] = await server.client.time();
    const until = Number(await server.client.zscore(REPLICAS_KEY, 'alive'));
    expect(until / 1_000 - Number(seconds)).toBeGreaterThan(0);
    expect(until / 1_000 - Number(seconds)).toBeLessThanOrEqual(61);
  });

  test('that changes the interval alone keeps the data: nothing counts as lost', async () => {
    await (await aMember('a')).join();
    await (await aMember('a')).leave();
    const after = await (await aMember('b', { intervalMs: 5_000 })).join();
    expect(after).toEqual({ kind: 'joined', wasEmpty: false });
  });

  test('whose lease lasts for hours, because Redis’s clock was set back, does not count', async () => {
    await (await aMember('a')).join();
    const hour = Number(await server.client.zscore(REPLICAS_KEY, 'a')) + 3_600_000;
    await server.client.zadd(REPLICAS_KEY, hour, 'a');
    expect(await (await aMember('b', { intervalMs: 5_000 })).join()).toMatchObject({
      kind: 'joined',
    });
    expect(await living()).toEqual(['b']);
  });

  test('sees that Redis has lost its data, once', async () => {
    const a = await aMember('a');
    await a.join();
    await server.flush();
    expect(await a.join()).toEqual({ kind: 'joined', wasEmpty: true });
    expect(await a.join()).toEqual({ kind: 'joined', wasEmpty: false });
    expect(await server.client.get(WHEEL_KEY)).toBe('900000');
  });

  test('whose wheel’s key holds something else is not fooled into another wheel', async () => {
    await server.client.hset(WHEEL_KEY, 'intervalMs', '900000');
    await expect((await aMember('a')).join()).rejects.toThrow('WRONGTYPE');
    await server.client.del(WHEEL_KEY);
    expect(await (await aMember('a')).join()).toMatchObject({ kind: 'joined' });
  });

  test('takes a reading of Redis’s clock with each sign of life', async () => {
    const readings: number[][] = [];
    const a = await aMember('a', { onClock: (...reading) => void readings.push(reading) });
    await a.join();
    const [redisMs = 0, sentAt = 0, receivedAt = 0] = readings[0] ?? [];
    expect(Number.isSafeInteger(redisMs)).toBe(true);
    expect(receivedAt).toBeGreaterThanOrEqual(sentAt);
    const [seconds = '0'] = await server.client.time();
    expect(Math.abs(redisMs / 1_000 - Number(seconds))).toBeLessThan(60);
  });
});

test('an answer to another command ends the connection, and sets no clock', async () => {
  const link = await Link.to(server.port);
  const clocks: number[] = [];
  const url = `redis://127.0.0.1:${link.port}`;
  const redis = connectFast({ url, timeoutMs: 5_000, log: silent });
  onTestFinished(async () => {
    redis.disconnect();
    await link.refuse();
  });
  const replica = await aMember('a', { redis, onClock: (redisMs) => clocks.push(redisMs) });
  await vi.waitFor(() => replica.join(), SOON);
  const asked = redis.ping();
  link.inject('+OK\r\n'); // what is asked from now on is answered by what was asked before
  await asked;
  await expect(replica.join()).rejects.toThrow('an unexpected answer');
  await vi.waitFor(() => replica.join(), SOON);
  expect(clocks.every(Number.isInteger)).toBe(true);
});
