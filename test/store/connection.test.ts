import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { connectBlocking, connectFast } from '../../src/store/connection.ts';
import { freePort } from '../free-port.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { blocking, fast, ready, SOON, silent } from './fixture.ts';

const server = redisForFile();

describe('the connection for commands', () => {
  test('rejects at once while nobody listens, and is used again when Redis is there', async () => {
    const redis = await fast(server);
    await redis.set('kept', '1');
    await server.kill();
    await vi.waitFor(() => expect(redis.status).not.toBe('ready'), SOON);
    await expect(redis.get('kept')).rejects.toThrow();
    await server.restart();
    await vi.waitFor(async () => expect(await redis.get('kept')).toBe('1'), SOON);
  });

  test('to a Redis that was never there rejects too, instead of waiting for it', async () => {
    const redis = connectFast({
      url: `redis://127.0.0.1:${await freePort()}`,
      timeoutMs: 1_000,
      log: silent,
    });
    onTestFinished(() => redis.disconnect());
    await expect(redis.ping()).rejects.toThrow();
  });

  test('does not wait for a Redis that hangs with its socket open', async () => {
    const redis = await fast(server, 300);
    server.freeze();
    try {
      await expect(redis.ping()).rejects.toThrow();
    } finally {
      server.thaw();
    }
    await vi.waitFor(async () => expect(await redis.ping()).toBe('PONG'), SOON);
  });

  test('sends nothing twice: what was under way when Redis died is rejected', async () => {
    const redis = await fast(server);
    server.freeze();
    const underWay = redis.incr('counted');
    underWay.catch(() => undefined);
    await server.kill();
    await expect(underWay).rejects.toThrow();
    await server.restart();
    await ready(redis);
    expect(await redis.get('counted')).toBeNull();
  });

  test('leaves a master that has become a replica, as after a failover', async () => {
    const redis = await fast(server);
    const before = await redis.client('ID');
    await server.client.call('REPLICAOF', '127.0.0.1', `${await freePort()}`);
    try {
      await expect(redis.set('refused', '1')).rejects.toThrow('READONLY');
      await vi.waitFor(async () => expect(await redis.client('ID')).not.toBe(before), SOON);
    } finally {
      await server.client.call('REPLICAOF', 'NO', 'ONE');
    }
    await vi.waitFor(async () => expect(await redis.set('taken', '1')).toBe('OK'), SOON);
  });

  test('never has the password in what it logs', async () => {
    const logged: string[] = [];
    const log = silent.child({}, { level: 'trace' });
    log.debug = ((...args: unknown[]) =>
      void logged.push(JSON.stringify(args))) as typeof log.debug;
    const port = await freePort();
    const redis = connectFast({
      url: `redis://:s3cret-pass@127.0.0.1:${port}`,
      timeoutMs: 1_000,
      log,
    });
    onTestFinished(() => redis.disconnect());
    await vi.waitFor(() => expect(logged.length).toBeGreaterThan(0), SOON);
    expect(logged.join()).not.toContain('s3cret-pass');
  });
});

describe('commands that are sent in one turn of the event loop', () => {
  /** Small ones go out together, a large one takes them along. */
  const sizes = [10, 10, 50_000, 10, 5_000, 4_096, 4_095, 10, 300_000, 1];

  test('keep their order, whatever their sizes', async () => {
    const redis = await fast(server);
    const values = sizes.map((size, i) => `${i}`.repeat(size));
    const read = values.map((value) => {
      redis.set('the same key', value).catch(() => undefined);
      return redis.get('the same key');
    });
    expect((await Promise.all(read)).map((value) => value?.length)).toEqual(
      values.map(({ length }) => length),
    );
    expect(await Promise.all(read)).toEqual(values);
  });

  test('go out in few writes', async () => {
    const redis = await fast(server);
    const { stream } = redis as unknown as { stream: Socket };
    const writes = vi.spyOn(stream, '_write');
    const gathered = vi.spyOn(stream as unknown as { _writev(): void }, '_writev');
    await Promise.all(Array.from({ length: 200 }, () => redis.ping()));
    expect(writes.mock.calls.length + gathered.mock.calls.length).toBeLessThanOrEqual(2);
  });
});

describe('the connection for reads that block', () => {
  test('waits for a Redis that comes back', async () => {
    const redis = await blocking(server);
    await server.kill();
    const pending = redis.set('later', '1');
    await server.restart();
    expect(await pending).toBe('OK');
  });

  test('is reopened when its socket is silent for longer than a read may block', async () => {
    const redis = connectBlocking({ url: server.url, timeoutMs: 200, log: silent }, 200);
    onTestFinished(() => redis.disconnect());
    await ready(redis);
    const before = await redis.client('ID');
    const closed = new Promise((done) => redis.once('close', done));
    server.freeze();
    const read = redis.xread('BLOCK', 100, 'STREAMS', 'none', '0');
    await closed;
    server.thaw();
    await read;
    expect(await redis.client('ID')).not.toBe(before);
  });
});
