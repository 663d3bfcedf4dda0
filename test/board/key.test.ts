import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashOf } from '../../src/access/key-ring.ts';
import type { Replica } from '../process/replica.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { browserForFile } from './browser.ts';

const redis = redisForFile();
const browser = browserForFile();
const SLOW = { timeout: 180_000 };
const world = new World();
const [ADMIN, TRACKER, STRANGER] = [0, 1, 2].map(() => randomBytes(24).toString('base64url')) as [
  string,
  string,
  string,
];
let replica: Replica;

const write = (scopes: string) =>
  writeFileSync(
    join(world.directory, 'access.yaml'),
    `clients: [{ name: bot, keys: [{ hash: sha256:${hashOf(TRACKER)} }], scopes: ${scopes} }]\n`,
  );

beforeAll(async () => {
  await world.start();
  write('[track]');
  const ACCESS_FILE = join(world.directory, 'access.yaml');
  replica = await world.replica({ REDIS_URL: redis.url, API_KEYS: ADMIN, ACCESS_FILE }).ready();
  const authorization = `Bearer ${ADMIN}`;
  const id = world.simulator.createCall();
  await replica.request('POST', `/calls/${id}/track`, {}, { authorization });
}, 120_000);
afterAll(() => world.stop(), 60_000);

test('the board shows nothing without a key, and says why it rejects one', SLOW, async () => {
  const page = await browser.open(replica.url);
  await page.getByRole('heading', { name: 'A key is required' }).waitFor();
  const field = page.getByLabel('Key, or access token');
  expect(await page.evaluate('document.activeElement.id')).toBe('gate-key');
  expect(await page.locator('#overview').isVisible()).toBe(false);
  expect(await page.locator('#gate-why').textContent()).toBe('');

  const look = async (key: string) => {
    await field.fill(key);
    await field.press('Enter');
  };
  await look('two words');
  await page.getByText('This is not a key: a key has no spaces').waitFor();
  await look(STRANGER);
  await page.getByText('This key is not valid here, or no longer').waitFor();
  await look(TRACKER);
  await page
    .getByText('This key is valid, but may not read: the key lacks the scope `read`')
    .waitFor();
  expect(await page.evaluate('sessionStorage.length')).toBe(0);

  await look(ADMIN);
  await page.getByRole('img', { name: /^Wheel of 256 slots: 1 call,/ }).waitFor();
  await page.locator('#events li').first().waitFor();
  const kept = () => page.evaluate('[Object.values(sessionStorage), localStorage.length]');
  expect(await kept()).toEqual([[ADMIN], 0]);
  expect(await page.evaluate('document.cookie')).toBe('');
  expect(page.url()).toBe(`${replica.url}/`);
  expect(await page.content()).not.toContain(ADMIN);

  await page.reload();
  await page.getByRole('img', { name: /^Wheel of/ }).waitFor();
  await page.getByRole('button', { name: 'Forget the key' }).click();
  await page.getByRole('heading', { name: 'A key is required' }).waitFor();
  expect(await kept()).toEqual([[], 0]);
});

test('the board shows nothing after its key was revoked', SLOW, async () => {
  write('[read]');
  replica.signal('SIGHUP');
  await replica.logged('the keys were read again');
  const page = await browser.open(`${replica.url}/#/calls/no-such-call`);
  await page.getByLabel('Key, or access token').fill(TRACKER);
  await page.getByRole('button', { name: 'Look' }).click();
  await page.getByText('It is not tracked, and was not').waitFor();
  write('[track]');
  replica.signal('SIGHUP');
  await page.getByText('This key is valid, but may not read').waitFor();
  expect(await page.locator('#call').isVisible()).toBe(false);
});
