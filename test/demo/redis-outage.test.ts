import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import { RedisOutage } from '../../src/demo/redis-outage.ts';
import { procStat } from '../proc.ts';

const HOUR_MS = 3_600_000;

async function aProcess() {
  const child = spawn('sleep', ['600']);
  await once(child, 'spawn');
  onTestFinished(() => void child.kill('SIGKILL'));
  const pid = child.pid as number;
  const state = () => procStat(pid)?.state;
  return { child, pid, state };
}

test('an outage stops the process for as long as it lasts, and can be ended before', async () => {
  const { pid, state } = await aProcess();
  const news: string[] = [];
  const onNews = (text: string) => news.push(text);
  const short = new RedisOutage({ pid: () => pid, lastsMs: 500, onNews });
  short.begin();
  await expect.poll(state).toBe('T');
  await expect.poll(state).toBe('S');

  const long = new RedisOutage({ pid: () => pid, lastsMs: HOUR_MS, onNews });
  long.begin();
  long.begin();
  await expect.poll(state).toBe('T');
  long.end();
  long.end();
  await expect.poll(state).toBe('S');
  expect(news).toEqual([
    'is stopped for 0.5 s (SIGSTOP)',
    'goes on',
    'is stopped for 3600 s (SIGSTOP)',
    'is stopped already',
    'goes on',
  ]);
});

test('no process is said to be missing, and another than before is left alone', async () => {
  const { pid, state } = await aProcess();
  const onNews = vi.fn();
  new RedisOutage({ pid: () => null, lastsMs: HOUR_MS, onNews }).begin();
  expect(onNews.mock.calls).toEqual([['does not run: it is started again by itself']]);

  let current: number | null = pid;
  const outage = new RedisOutage({ pid: () => current, lastsMs: HOUR_MS, onNews });
  outage.begin();
  await expect.poll(state).toBe('T');
  current = null;
  outage.end();
  expect(state()).toBe('T');
});
