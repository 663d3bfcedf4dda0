import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connectFast } from '../../src/store/connection.ts';
import { diagnose } from '../../src/store/diagnosis.ts';
import { Servers } from '../../src/store/servers.ts';
import { UnsupportedRedisError } from '../../src/store/unsupported.ts';
import { freePort } from '../free-port.ts';
import { clusterForFile } from '../redis/redis-cluster.ts';
import { GROUP, RedisSentinels } from '../redis/redis-sentinels.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { silent } from './fixture.ts';

const server = redisForFile();
const cluster = clusterForFile();
const sentinels = new RedisSentinels();
beforeAll(() => sentinels.start(), 60_000);
afterAll(() => sentinels.stop(), 60_000);

/** The fault with which a replica ends that is started with this URL; null: it runs. */
async function toldOf(url: string): Promise<unknown> {
  const connection = { url, timeoutMs: 2_000, log: silent };
  const redis = connectFast(connection);
  const servers = new Servers({ redis, connection });
  const limit = Date.now() + 15_000;
  try {
    for (;;) {
      const error = await servers.assertSupported().then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error === null || error instanceof UnsupportedRedisError) return error;
      if (Date.now() > limit) throw error;
      await sleep(50);
    }
  } finally {
    redis.disconnect();
  }
}

const host = (port: number | undefined) => `127.0.0.1:${port}`;

/** A port that leads to another, whose server then does not tell its mode. */
async function aReticentServer(port: number): Promise<number> {
  const relay = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.pipe(far);
    far.on('data', (chunk: Buffer) => {
      near.write(chunk.toString('latin1').replace('redis_mode:', 'redis_what:'), 'latin1');
    });
    for (const socket of [near, far]) {
      socket.on('error', () => undefined);
      socket.on('close', () => [near, far].map((one) => one.destroy()));
    }
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  onTestFinished(() => void relay.close());
  return (relay.address() as AddressInfo).port;
}

test('a node that does not call itself one is a node if it serves as one', async () => {
  const options = { timeoutMs: 5_000, log: silent };
  const node = await aReticentServer(cluster.nodes[0]?.port ?? 0);
  expect(await diagnose({ ...options, url: `redis+cluster://${host(node)}` })).toBeNull();
  const single = await aReticentServer(server.port);
  await expect(diagnose({ ...options, url: `redis+cluster://${host(single)}` })).rejects.toThrow(
    'is a Redis server by itself',
  );
});

describe('a REDIS_URL', () => {
  test('that names what is there is taken', async () => {
    expect(await toldOf(server.url)).toBeNull();
    expect(await toldOf(cluster.url)).toBeNull();
    expect(await toldOf(sentinels.url)).toBeNull();
  });

  test('of a Cluster, for a server by itself, is refused', async () => {
    expect(await toldOf(`redis+cluster://${host(server.port)}`)).toMatchObject({
      message: `REDIS_URL says redis+cluster://, but ${host(server.port)} is a Redis server by itself. Name it with redis://.`,
    });
  });

  test('of a Cluster, for a Sentinel, is refused', async () => {
    const name = host(sentinels.sentinels[0]?.port);
    expect(await toldOf(`redis+cluster://${name}`)).toMatchObject({
      message: `REDIS_URL says redis+cluster://, but ${name} is a Sentinel. Name it with redis+sentinel://…/group.`,
    });
  });

  test('of a server by itself, for a node of a Cluster, is refused', async () => {
    expect(await toldOf(`redis://${host(cluster.nodes[0]?.port)}`)).toMatchObject({
      message: expect.stringContaining('names a node of a Cluster. Name some of its nodes with'),
    });
  });

  test('of a server by itself, for a Sentinel, is refused', async () => {
    expect(await toldOf(`redis://${host(sentinels.sentinels[0]?.port)}`)).toMatchObject({
      message: expect.stringContaining('names a Sentinel. Name it with redis+sentinel://'),
    });
  });

  test('of Sentinels, for servers that are none, is refused', async () => {
    expect(await toldOf(`redis+sentinel://${host(server.port)}/calls`)).toMatchObject({
      message: `REDIS_URL says redis+sentinel://, but ${host(server.port)} is a Redis server by itself. Name it with redis://.`,
    });
    const name = host(cluster.nodes[0]?.port);
    expect(await toldOf(`redis+sentinel://${name}/calls`)).toMatchObject({
      message: `REDIS_URL says redis+sentinel://, but ${name} is a node of a Cluster. Name it with redis+cluster://.`,
    });
  });

  test('with another group is refused, and the message names the groups', async () => {
    const name = host(sentinels.sentinels[0]?.port);
    expect(await toldOf(`redis+sentinel://${name}/mymaster`)).toMatchObject({
      message: `REDIS_URL names the group "mymaster", which the Sentinel ${name} does not watch. Name one that it watches: ${GROUP}.`,
    });
  });

  test('is not judged by a server that does not answer', async () => {
    const gone = host(await freePort());
    expect(await toldOf(`redis+cluster://${gone},${host(server.port)}`)).toBeInstanceOf(
      UnsupportedRedisError,
    );
    expect(await toldOf(`redis+cluster://${gone},${host(cluster.nodes[0]?.port)}`)).toBeNull();
  });
});

test('each master of a Cluster has to evict nothing', async () => {
  const masters = await cluster.masters();
  const set = (policy: string) => masters.at(-1)?.client.config('SET', 'maxmemory-policy', policy);
  await set('allkeys-lru');
  try {
    expect(await toldOf(cluster.url)).toMatchObject({
      message: expect.stringContaining('maxmemory-policy allkeys-lru'),
    });
  } finally {
    await set('noeviction');
  }
  expect(await toldOf(cluster.url)).toBeNull();
});
