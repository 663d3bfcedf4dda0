import { beforeEach, expect, onTestFinished, test } from 'vitest';
import {
  type Delivery,
  hasUntaken,
  jobIdOf,
  openQueue,
} from '../../src/webhooks/delivery-queue.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast } from '../store/fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const DELIVERY: Delivery = {
  id: '1-0',
  callId: 'call-0001',
  app: 'a',
  webhookUrl: null,
  body: '',
  at: 0,
};
const GRACE_MS = 1_000;

test.each<[string, object, boolean]>([
  ['one that waits ought to be taken', {}, true],
  ['none that is put off', { delay: 60_000 }, false],
  ['none whose time has only just come', { delay: 60_000, timestamp: Date.now() - 60_000 }, false],
  ['one whose time came a grace ago', { delay: 5, timestamp: Date.now() - 60_000 }, true],
])('of deliveries %s', async (_, options, expected) => {
  const redis = await fast(server);
  const queue = openQueue(redis, '{untaken}');
  onTestFinished(() => queue.close());
  await queue.waitUntilReady();
  expect(await hasUntaken(queue, redis, GRACE_MS)).toBe(false);
  await queue.add('deliver', DELIVERY, options);
  expect(await hasUntaken(queue, redis, 60_000 * (expected ? 0 : 1) + GRACE_MS)).toBe(expected);
});

test('events of owners whose names differ only in a colon have different jobs', () => {
  const ids = ['bot:1@app/7/owner.lapsed', 'bot_1@app/7/owner.lapsed'].map(jobIdOf);
  expect(new Set(ids).size).toBe(2);
  expect(ids.join()).not.toContain(':');
});
