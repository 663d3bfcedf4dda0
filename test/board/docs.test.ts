import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Replica } from '../process/replica.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { browserForFile } from './browser.ts';

const redis = redisForFile();
const browser = browserForFile();
const SLOW = { timeout: 180_000 };
const world = new World();
const KEY = randomBytes(24).toString('base64url');
let replica: Replica;

beforeAll(async () => {
  await world.start();
  replica = await world.replica({ REDIS_URL: redis.url, API_KEYS: KEY }).ready();
}, 120_000);
afterAll(() => world.stop(), 60_000);

test('the page of the API needs no key, takes one, and sends it', SLOW, async () => {
  // Nothing may go wrong in its console: see browser.ts.
  const page = await browser.open(`${replica.url}/docs`);
  await page.getByRole('button', { name: 'Authorize' }).click();
  await page.getByLabel('auth-bearer-value').first().fill(KEY);
  await page.getByRole('button', { name: 'Apply credentials' }).first().click();
  await page.getByRole('button', { name: 'Close' }).last().click();

  await page.locator('#operations-Calls-listCalls .opblock-summary-control').click();
  await page.getByRole('button', { name: 'Try it out' }).click();
  const answered = page.waitForResponse(/\/calls\?/);
  await page.getByRole('button', { name: 'Execute' }).click();
  const answer = await answered;
  expect(answer.request().headers().authorization).toBe(`Bearer ${KEY}`);
  expect(answer.status()).toBe(200);
});

test('without a key the page shows the API, which refuses requests', SLOW, async () => {
  const page = await browser.open(`${replica.url}/docs`);
  await page.getByText('Keeps the calls of Microsoft Teams bots alive').waitFor();
  const status = await page.evaluate("fetch('/calls').then(({ status }) => status)");
  expect(status).toBe(401);
});
