import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hashOf } from '../../src/access/key-ring.ts';
import type { Replica } from '../process/replica.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { browserForFile, SOON } from './browser.ts';

const redis = redisForFile();
const browser = browserForFile();
const SLOW = { timeout: 180_000 };
const world = new World();
const TENANT_B = '33333333-3333-4333-8333-333333333333';
const [READER, TRACKER] = [0, 1].map(() => randomBytes(24).toString('base64url')) as [
  string,
  string,
];
const headers = { authorization: `Bearer ${TRACKER}` };
let replica: Replica;

beforeAll(async () => {
  await world.start();
  const ACCESS_FILE = join(world.directory, 'access.yaml');
  const client = (name: string, key: string, scopes: string) =>
    `  - { name: ${name}, keys: [{ hash: sha256:${hashOf(key)} }], scopes: ${scopes} }\n`;
  const clients = [client('reader', READER, '[read]'), client('bot', TRACKER, '[read, track]')];
  writeFileSync(ACCESS_FILE, `clients:\n${clients.join('')}`);
  replica = await world.replica({ REDIS_URL: redis.url, ACCESS_FILE }).ready();
}, 120_000);
afterAll(() => world.stop(), 60_000);
beforeEach(() => world.simulator.graphFaults.clear());

async function track(body: object = {}): Promise<string> {
  const id = world.simulator.createCall();
  const { status } = await replica.request('POST', `/calls/${id}/track`, body, headers);
  // 202: Redis was slow; the replica keeps the call all the same.
  expect([201, 202]).toContain(status);
  return id;
}

async function open(hash: string, key = TRACKER) {
  const page = await browser.open(`${replica.url}/${hash}`);
  await page.getByLabel('Key, or access token').fill(key);
  await page.keyboard.press('Enter');
  return page;
}

describe('the list of calls', SLOW, () => {
  test('shows the calls that the filter in the address lets through, and changes the address', async () => {
    const room = `room-${randomBytes(4).toString('hex')}`;
    const one = await track({ labels: { room } });
    const two = await track({ labels: { room }, tenantId: TENANT_B });
    const page = await open(`#/calls?label=room%3D${room}`);
    const rows = page.locator('#list tr');
    await rows.filter({ hasText: one }).waitFor();
    await rows.filter({ hasText: two }).waitFor();
    expect(await rows.count()).toBe(2);
    expect(await page.getByLabel('Label').inputValue()).toBe(`room=${room}`);
    await page.getByLabel('Tenant').fill(TENANT_B.slice(0, 8));
    await page.keyboard.press('Enter');
    await rows.filter({ hasText: one }).waitFor({ state: 'detached' });
    await rows.filter({ hasText: two }).waitFor();
    expect(page.url()).toContain('tenant=33333333');
    await page.goBack();
    await rows.filter({ hasText: one }).waitFor();
    await replica.request('DELETE', `/calls/${two}/track`, undefined, headers);
    await page.getByLabel('State').selectOption('stopped');
    await rows.filter({ hasText: two }).waitFor();
    expect(page.url()).toContain('state=untracked');
    await page.getByText(/^1 call, as it was at/).waitFor();
    const heads = page.locator('#list-table thead th');
    expect(await heads.allTextContents()).toEqual(['Call', 'Stopped', 'Last renewed']);
    expect(await rows.locator('td').first().textContent()).toMatch(/\d\d:\d\d:\d\d$/);
    expect(await rows.locator('td').last().textContent()).not.toBe('now');
    await rows.getByRole('link', { name: two }).click();
    await page.locator('.call-state', { hasText: 'stopped' }).waitFor();
  });

  test('is reached from why calls fail, with the calls that fail so', async () => {
    const [good, bad] = [await track(), await track()];
    const body = JSON.stringify({ error: { code: 'Forbidden', message: 'No.' } });
    world.simulator.graphFaults.set({ kind: 'status', status: 403, body, callIds: [bad] });
    const page = await open('#/');
    const cause = page.locator('#causes tr').filter({ hasText: '403 Forbidden' });
    await cause.getByText(/Grant the app/).waitFor();
    expect(await page.locator('#state').textContent()).toMatch(/\b1 of \d+ calls fails\b/);
    await page.setViewportSize({ width: 390, height: 800 });
    const label = `getComputedStyle(document.querySelector('#causes td'), '::before').content`;
    expect(await page.evaluate(label)).toContain('App');
    await cause.getByRole('link').click();
    await page.locator('#list tr').filter({ hasText: bad }).waitFor();
    expect(await page.locator('#list').getByText(good).count()).toBe(0);
    expect(await page.getByRole('checkbox', { name: 'Failing' }).isChecked()).toBe(true);
  });

  test('says that no call matches', async () => {
    const page = await open('#/calls?error=no-such-code');
    await page.getByText('No call fits this filter.', { exact: true }).waitFor();
    expect(await page.locator('#list-table').isVisible()).toBe(false);
  });
});

describe("a call's page", SLOW, () => {
  test('has a keepAlive now and a stop for a key that may', async () => {
    const id = await track();
    const renewedAt = async () =>
      (await replica.request('GET', `/calls/${id}`, undefined, headers)).body.renewedAt;
    await expect.poll(renewedAt, SOON).not.toBeNull();
    const page = await open(`#/calls/${id}`);
    await page.getByRole('button', { name: 'keepAlive now' }).click();
    await page.getByText('Graph has renewed the call.').waitFor();
    const attempts = page.getByRole('region', { name: 'Last keepAlives' });
    await attempts
      .getByRole('row', { name: /renewed.* ms$/ })
      .first()
      .waitFor();
    page.on('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Stopped.', { exact: true }).waitFor();
    const { body } = await replica.request('GET', `/calls/${id}`, undefined, headers);
    expect(body).toMatchObject({ state: 'untracked', reason: 'request' });
    await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'hidden' });
  });

  test('has neither for a key that may only read', async () => {
    const id = await track();
    const page = await open(`#/calls/${id}`, READER);
    await page.locator('.call-state[data-state="tracked"]').waitFor();
    expect(await page.getByRole('button', { name: 'keepAlive now' }).isVisible()).toBe(false);
    expect(await page.getByRole('button', { name: 'Stop' }).isVisible()).toBe(false);
  });
});
