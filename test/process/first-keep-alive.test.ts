import { createConnection, createServer } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { slotOf, turnAfter } from '../../src/calls/wheel.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { World } from './world.ts';

const redis = redisForFile();
const INTERVAL_MS = 120_000;
const DEADLINE_MS = 360_000;
const SLOW = { timeout: 120_000 };

/** Two replicas; the requests of the first one to Graph do not come back. */
async function twoReplicas() {
  await redis.flush();
  const world = await new World({ deadlineMs: DEADLINE_MS }).start();
  onTestFinished(() => world.stop());
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as { port: number };
  const env = { REDIS_URL: redis.url, KEEPALIVE_INTERVAL: '120s', KEEPALIVE_DEADLINE: '360s' };
  const cut = { ...env, GRAPH_BASE_URL: `http://127.0.0.1:${port}/v1.0`, SHUTDOWN_TIMEOUT: '5s' };
  const [first] = await Promise.all([world.replica(cut).ready(), world.replica(env).ready()]);
  return { world, first };
}

/** A call whose slot has its next turn long after all that the tests wait for. */
function lateCall(world: World): string {
  const wheel = { intervalMs: INTERVAL_MS, slots: 256 };
  for (;;) {
    const id = world.simulator.createCall();
    const now = Date.now();
    if (turnAfter(slotOf(id, wheel), now, wheel) - now > 80_000) return id;
  }
}

const nearlyOver = () => new Date(Date.now() - DEADLINE_MS + 40_000).toISOString();
const kept = (world: World, id: string) =>
  vi.waitFor(() => expect(world.simulator.ledger.of(id)).not.toEqual([]), {
    timeout: 40_000,
    interval: 50,
  });

test(
  'a call that began long ago is kept alive though its replica is killed right after the 201',
  SLOW,
  async () => {
    const { world, first } = await twoReplicas();
    const id = lateCall(world);
    const body = { startedAt: nearlyOver() };
    expect((await first.request('POST', `/calls/${id}/track`, body)).status).toBe(201);
    first.signal('SIGKILL');
    await kept(world, id);
  },
);

test(
  'a call that is tracked while its replica stops is kept alive by another one',
  SLOW,
  async () => {
    const { world, first } = await twoReplicas();
    const id = lateCall(world);
    const body = JSON.stringify({ startedAt: nearlyOver() });
    const { hostname, port } = new URL(first.url);
    const socket = createConnection({ host: hostname, port: Number(port) });
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.write(
      `POST /calls/${id}/track HTTP/1.1\r\nhost: ${hostname}:${port}\r\nexpect: 100-continue\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    );
    // The replica has read the head: a connection without a request would be closed.
    await vi.waitFor(() => expect(answer).toContain('HTTP/1.1 100'), 10_000);
    first.signal('SIGTERM');
    await first.logged('stopping');
    socket.write(body.slice(5));
    await vi.waitFor(() => expect(answer).toContain('HTTP/1.1 201'), 10_000);
    await kept(world, id);
  },
);
