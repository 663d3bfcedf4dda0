import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { BullWorker } from '../../src/bull/bull-worker.ts';
import { QueueErrors } from '../../src/bull/queue-errors.ts';
import { connectWorker } from '../../src/store/connection.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { silent } from '../store/fixture.ts';

const server = redisForFile();

/** The messages at warn or above. */
function aLog() {
  const lines: string[] = [];
  const log = pino(
    { level: 'warn' },
    { write: (line: string) => void lines.push(JSON.parse(line).msg) },
  );
  return { log, lines };
}

describe('an error of a queue', () => {
  test('is logged once a minute if it is a reply of Redis, or could not be read', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { log, lines } = aLog();
    const errors = new QueueErrors(log);
    const all = [
      new Error('WRONGTYPE Operation against a key'),
      new Error('Failed to add repeatable job for next iteration: NOPERM no permission'),
      new SyntaxError('Unexpected token'),
      new Error('2 of them', { cause: new TypeError('not iterable') }),
    ];
    for (let i = 0; i < 3; i++) for (const error of all) errors.note(error, 'it fails');
    const once = all.map(({ message }) => `it fails: ${message}`);
    expect(lines).toEqual(once);
    vi.advanceTimersByTime(61_000);
    for (const error of all) errors.note(error, 'it fails');
    expect(lines).toEqual([...once, ...once]);
  });

  test.each([
    'Connection is closed.',
    'Command timed out',
    'connect ECONNREFUSED 127.0.0.1:6379',
    'read ECONNRESET',
    "Stream isn't writeable and enableOfflineQueue options is false",
  ])('is no warning if it is "%s", because the link to Redis logs that', (message) => {
    const { log, lines } = aLog();
    new QueueErrors(log).note(new Error(message), 'it fails');
    expect(lines).toEqual([]);
  });
});

test('a worker that cannot take jobs says why', async () => {
  const { log, lines } = aLog();
  const prefix = '{test}';
  await server.client.set(`${prefix}:jobs:wait`, 'no list');
  const worker = new BullWorker({
    name: 'jobs',
    prefix,
    connections: connectWorker({ url: server.url, timeoutMs: 5_000, log: silent }, 10_000),
    lockMs: 10_000,
    process: async () => undefined,
    settings: {},
    log,
  });
  onTestFinished(() => void worker.stop(AbortSignal.timeout(5_000)));
  worker.start();
  await expect
    .poll(() => lines.join('\n'))
    .toMatch(/^the worker of the queue "jobs" fails: .*WRONGTYPE/);
});
