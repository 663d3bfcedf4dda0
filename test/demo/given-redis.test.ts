import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runDemo } from '../../src/demo/demo.ts';
import { redisForFile } from '../redis/redis-server.ts';

const redis = redisForFile();
const PATIENCE = { timeout: 60_000, interval: 50 };

test('the demo works with a Redis that it has not started, and leaves it running', {
  timeout: 120_000,
}, async () => {
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const stop = new AbortController();
  let output = '';
  const running = runDemo({
    lastsS: null,
    port: 20_000 + Math.floor(Math.random() * 10_000),
    redisUrl: redis.url,
    stop,
    hurry: new AbortController().signal,
    write: (text) => {
      output += text;
    },
    paint: (_style, text) => text,
  });
  await vi.waitFor(() => expect(output).toContain(' renewed '), PATIENCE);
  expect(await client.dbsize()).toBeGreaterThan(0);
  stop.abort();
  expect(await running, output).toBe(true);
  expect(await client.ping()).toBe('PONG');
});
