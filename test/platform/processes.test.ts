import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { askToStop, noOwnRedis, redisForDemo } from '../../src/platform/processes.ts';

const LOCAL = 'redis://127.0.0.1:6379';

describe('on Windows', () => {
  test('a daemon without REDIS_URL says how to get a Redis', () => {
    expect(noOwnRedis('win32')).toContain('use Docker or WSL for Redis');
  });

  test.each([undefined, ''])('the demo says so as well if REDIS_URL is %j', (url) => {
    expect(() => redisForDemo(url, 'win32')).toThrow('use Docker or WSL for Redis');
  });

  test.each([LOCAL, 'redis://localhost/3', 'redis://:secret@[::1]:6380'])(
    'the demo takes %s',
    (url) => expect(redisForDemo(url, 'win32')).toBe(url),
  );

  test.each(['redis://:secret@redis.example:6379', 'rediss://127.0.0.1.example', 'secret'])(
    'the demo does not write into a Redis elsewhere, such as %s, and keeps it to itself',
    (url) => {
      expect(() => redisForDemo(url, 'win32')).toThrow('take one on this machine');
      expect(() => redisForDemo(url, 'win32')).not.toThrow('secret');
    },
  );
});

test('on other platforms the demo starts its own Redis, whatever REDIS_URL says', () => {
  expect(noOwnRedis('linux')).toBeNull();
  expect(redisForDemo(LOCAL, 'linux')).toBeNull();
  expect(redisForDemo(undefined, 'darwin')).toBeNull();
});

/** Ends with 7 if its channel is closed. */
const CHILD = "process.once('disconnect', () => process.exit(7)); process.send('ready');";

test.each([
  ['win32', [7, null]],
  ['linux', [null, 'SIGTERM']],
] as const)('a child on %s is asked to stop by what it can hear', async (platform, end) => {
  const child = spawn(process.execPath, ['-e', CHILD], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  await once(child, 'message');
  askToStop(child, platform);
  askToStop(child, platform);
  expect(await exited).toEqual(end);
});
