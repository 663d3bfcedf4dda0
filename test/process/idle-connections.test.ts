import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { LIMITS } from '../../src/http/limits.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { World } from './world.ts';

const redis = redisForFile();
const SLOW = { timeout: 90_000 };
const PATIENCE = { timeout: 30_000 };
const DROPPED = /^callkeeper_connections_dropped_total{reason="address"} (\d+)$/m;
const KEY = 'k'.repeat(24);

/** Shorter than the backlog of connections that a server has not accepted yet. */
const BATCH = 200;

/** Opens connections of one address and leaves them idle, half of them within their headers. */
async function occupy(url: string, count: number): Promise<void> {
  const { hostname, port } = new URL(url);
  for (let opened = 0; opened < count; opened += BATCH) {
    const sockets = Array.from({ length: BATCH }, () => connect(Number(port), hostname));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    await Promise.all(sockets.map(leaveIdle));
  }
}

async function leaveIdle(socket: Socket, place: number): Promise<void> {
  socket.on('error', () => {}); // it may be reset
  await once(socket, 'connect');
  if (place % 2 === 0) socket.write('GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ');
}

test(
  'as many idle connections as a replica accepts block neither API nor probes',
  SLOW,
  async () => {
    const world = await new World().start();
    onTestFinished(() => world.stop());
    const env = { REDIS_URL: redis.url, API_KEYS: KEY, METRICS_ADDRESS: '127.0.0.1:0' };
    const replica = await world.replica(env).ready();
    const { metricsUrl } = await replica.logged('listening');
    await occupy(replica.url, LIMITS.maxConnections);

    const authorization = `Bearer ${KEY}`;
    const id = world.simulator.createCall();
    for (let round = 0; round < 3; round++) {
      expect((await replica.request('GET', '/livez')).status).toBe(200);
      const calls = await replica.request('GET', '/calls', undefined, { authorization });
      expect(calls.status).toBe(200);
      const path = `/calls/${id}/track`;
      const tracked = await replica.request('POST', path, undefined, { authorization });
      // 202: Redis was slow, and learns of it later.
      expect([round === 0 ? 201 : 200, 202]).toContain(tracked.status);
      await occupy(replica.url, BATCH);
    }
    const most = LIMITS.maxConnections / 2;
    await vi.waitFor(async () => {
      const metrics = await (await fetch(`${metricsUrl}/metrics`)).text();
      expect(Number(DROPPED.exec(metrics)?.[1])).toBeGreaterThan(most);
    }, PATIENCE);
    const lines = () => replica.log.filter(({ dropped }) => dropped !== undefined);
    await vi.waitFor(
      () => expect(lines()[0]).toMatchObject({ level: 'warn', address: '127.0.0.1' }),
      PATIENCE,
    );
    expect(lines().length).toBeLessThan(most / 10);

    await occupy(String(metricsUrl), LIMITS.maxConnections);
    for (const probe of ['livez', 'readyz', 'metrics']) {
      // With so many connections to accept, a heartbeat to Redis may be late.
      const status = async () => (await fetch(`${metricsUrl}/${probe}`)).status;
      await vi.waitFor(async () => expect(await status()).toBe(200), PATIENCE);
    }
    expect(await replica.stop()).toBe(0);
  },
);
