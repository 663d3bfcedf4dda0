import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Replica } from '../process/replica.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { browserForFile } from './browser.ts';

const redis = redisForFile();
const browser = browserForFile();
const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
const SLOW = { timeout: 180_000 };
const KEY = 'a-key-of-twenty-four-characters';
/** The failing call and the lapsed owner stay for both tests. */
const DEADLINE_S = 180;
const world = new World({ deadlineMs: DEADLINE_S * 1_000 });
let replica: Replica;
let id: string;

beforeAll(async () => {
  await world.start();
  const stay = { KEEPALIVE_DEADLINE: `${DEADLINE_S}s`, OWNER_GRACE: '1h' };
  replica = await world.replica({ REDIS_URL: redis.url, API_KEYS: KEY, ...stay }).ready();
  id = world.simulator.createCall();
  const authorization = `Bearer ${KEY}`;
  await replica.request('PUT', '/owners/bot-7', { leaseSeconds: 10 }, { authorization });
  await replica.request('POST', `/calls/${id}/track`, { owner: 'bot-7' }, { authorization });
  world.simulator.graphFaults.set({ kind: 'status', status: 503, callIds: [id] });
}, 120_000);
afterAll(() => world.stop(), 60_000);

/** What axe finds against WCAG 2.2 AA and its own good practice, by rule and place. */
async function faults(page: Page): Promise<unknown> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: put there by the script above
    const { violations, passes } = await (globalThis as any).axe.run();
    if (passes.length < 10) throw new Error('axe has looked at next to nothing');
    return violations.map(({ id, nodes }: { id: string; nodes: { html: string }[] }) => [
      id,
      nodes.map(({ html }) => html),
    ]);
  });
}

describe.each(['light', 'dark'] as const)('in %s', SLOW, (colorScheme) => {
  test('axe finds no fault in the board, a call or the form for the key', async () => {
    // The page's own policy lets no script in, axe neither.
    const page = await browser.open(replica.url, { colorScheme, bypassCSP: true });
    await page.getByLabel('Key, or access token').waitFor();
    expect(await faults(page)).toEqual([]);
    await page.getByLabel('Key, or access token').fill(KEY);
    await page.keyboard.press('Enter');
    await page.locator('#wheel path.failing').waitFor();
    await page.locator('#events li').first().waitFor();
    await page.getByText('has not renewed its lease: its call is stopped in').waitFor();
    await page.getByText('The wheel as a table').click();
    expect(await faults(page)).toEqual([]);
    await page.locator('#nearest a').click();
    await page.getByRole('button', { name: 'Copy' }).waitFor();
    expect(await faults(page)).toEqual([]);
  });
});
