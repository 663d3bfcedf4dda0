import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Replica } from '../process/replica.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { browserForFile, SOON } from './browser.ts';

const redis = redisForFile();
const browser = browserForFile();
const SLOW = { timeout: 180_000 };
const world = new World();
let replica: Replica;

beforeAll(async () => {
  await world.start();
  replica = await world.replica({ REDIS_URL: redis.url }).ready();
}, 120_000);
afterAll(() => world.stop(), 60_000);
beforeEach(async () => {
  world.simulator.graphFaults.clear();
  const { body } = await replica.request('GET', '/calls');
  for (const { id } of body.calls) await replica.request('DELETE', `/calls/${id}/track`);
  const isEmpty = async () =>
    expect((await replica.request('GET', '/overview')).body.tracked).toBe(0);
  await vi.waitFor(isEmpty, SOON);
});

async function track(body: object = {}): Promise<string> {
  const id = world.simulator.createCall();
  // 202: Redis is slow; the replica keeps the call all the same.
  expect([201, 202]).toContain((await replica.request('POST', `/calls/${id}/track`, body)).status);
  return id;
}

/** As a bad gateway would; the message is what Graph says. */
function fail(id: string, message: string): void {
  const body = JSON.stringify({ error: { code: 'serviceUnavailable', message } });
  world.simulator.graphFaults.set({ kind: 'status', status: 503, body, callIds: [id] });
}

describe('the board', SLOW, () => {
  test('draws the wheel with all calls, and shows it as a table too', async () => {
    const ids = await Promise.all([track(), track(), track()]);
    const page = await browser.open(replica.url);
    const wheel = page.getByRole('img', { name: /^Wheel of 256 slots: 3 calls, none fails/ });
    await wheel.waitFor();
    expect(await page.locator('#count-tracked').textContent()).toBe('3');
    expect(await page.locator('#count-failing').textContent()).toBe('0');
    expect(await wheel.locator('.bars path').count()).toBe(64);
    expect(await wheel.locator('path.failing').count()).toBe(0);
    await page.getByText('The wheel as a table').click();
    const cells = page.locator('#wheel-rows td:nth-child(3)');
    const counts = (await cells.allTextContents()).map(Number);
    expect([counts.length, counts.reduce((sum, n) => sum + n, 0)]).toEqual([64, 3]);
    for (const id of ids) await page.locator('#nearest').getByText(id).waitFor();
    // Other tests lose calls, which is not forgotten for a day.
    expect(['All well', 'Well again']).toContain(await page.locator('#state').textContent());
    const hand = page.locator('.hand');
    const before = await hand.getAttribute('transform');
    await vi.waitFor(
      async () => expect(await hand.getAttribute('transform')).not.toBe(before),
      SOON,
    );
  });

  test('shows a failing call in red until it recovers, and the answer of Graph as text', async () => {
    const id = await track({ labels: { room: '<img src=x onerror=alert(1)>' } });
    const page = await browser.open(replica.url);
    await page.locator('#wheel path.fine').first().waitFor();
    fail(id, '<b>Service</b> is unavailable.');
    await page.locator('#wheel path.failing').waitFor();
    await page.getByText(/failed \d+×: <b>Service<\/b> is unavailable\./).waitFor();
    await page.getByText('default · room=<img src=x onerror=alert(1)>').waitFor();
    expect(await page.locator('#count-failing').textContent()).toBe('1');
    expect(await page.locator('main img, main b').count()).toBe(0);
    expect(await page.locator('#announced').textContent()).toBe('1 call failing.');
    world.simulator.graphFaults.clear();
    await page.locator('#wheel path.failing').waitFor({ state: 'detached' });
    expect(await page.locator('#announced').textContent()).toBe('No tracked call fails any more.');
  });

  test('names lost calls for a day, though no tracked call fails any more', async () => {
    const id = await track();
    const page = await browser.open(replica.url);
    await page.locator('#nearest a').waitFor();
    fail(id, 'Gone for lunch.');
    const trouble = page.locator('#troubles li').filter({ hasText: /^1 call was lost at/ });
    await trouble.waitFor();
    await page.locator('#count-failing', { hasText: /^0$/ }).waitFor();
    await page.getByText('1 call of the app default lost (503 serviceUnavailable)').waitFor();
    const late = await browser.open(replica.url);
    const runbook = late.context().waitForEvent('page');
    await late.getByRole('link', { name: 'Runbook: CallkeeperCallExpired' }).click();
    const headingIsSeen = `(() => {
      const text = document.querySelector('pre').firstChild;
      const range = document.createRange();
      range.setStart(text, text.data.indexOf('\\n### CallkeeperCallExpired') + 1);
      range.setEnd(text, range.startOffset + 5);
      const { top } = range.getBoundingClientRect();
      return scrollY > 0 && top >= 0 && top < innerHeight;
    })()`;
    await vi.waitFor(
      async () => expect(await (await runbook).evaluate(headingIsSeen)).toBe(true),
      SOON,
    );
    await late.locator('#troubles').getByRole('link', { name: id }).click();
    await late.getByText('expired: its deadline passed with no success').waitFor();
    // A deadline later it is over, and is not forgotten.
    await page.locator('#troubles li[data-severity="notice"]').waitFor();
    expect(await page.locator('#state').textContent()).toBe('Well again');
    await page.locator('#state[data-state="past"]').waitFor();
  });

  test('names a failing call, however many calls are nearer to their deadlines', async () => {
    const id = await track();
    fail(id, 'Not here.');
    const page = await browser.open(replica.url);
    await page.route('**/overview', async (route) => {
      const response = await route.fetch();
      const json = await response.json();
      const nearest = Array.from({ length: 20 }, (_, i) => ({
        ...json.nearest[0],
        id: `near-${i}`,
      }));
      await route.fulfill({ response, json: { ...json, nearest } });
    });
    await page.getByRole('heading', { name: 'Failing, with more time left' }).waitFor();
    await page.getByRole('table', { name: 'Failing, with more time left' }).getByText(id).waitFor();
    await page
      .locator('#failing')
      .getByText(/^failed \d+×: Not here\.$/)
      .waitFor();
    expect(await page.locator('#nearest tr').count()).toBe(20);
  });

  test('says why the replica is not ready', async () => {
    const page = await browser.open(replica.url);
    await page.route('**/overview', async (route) => {
      const response = await route.fetch();
      const trouble = {
        kind: 'unready',
        severity: 'warning',
        sentence: 'The replica that answers is not ready: the worker does not run.',
        since: null,
        calls: 0,
        firstLossAt: null,
        todo: 'Look at its log.',
        runbook: 'CallkeeperWheelStopped',
      };
      const json = { ...(await response.json()), troubles: [trouble] };
      await route.fulfill({ response, json });
    });
    await page
      .getByText('The replica that answers is not ready: the worker does not run.')
      .waitFor();
    expect(await page.locator('#state').textContent()).toContain('Not ready');
  });

  test('closes the stream of a hidden tab, and resumes it after the last event', async () => {
    const page = await browser.open(replica.url);
    await page.locator('#events-state', { hasText: 'As they happen.' }).waitFor();
    const look = (state: string) =>
      page.evaluate(
        `Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));`,
      );
    const isStream = (request: { url(): string }) => request.url().includes('/events');
    const ended = page.waitForEvent('requestfailed', isStream);
    await look('hidden');
    await ended;
    const id = await track();
    const again = page.waitForRequest(isStream);
    await look('visible');
    expect((await again).headers()['last-event-id']).toMatch(/^\d+-\d+$/);
    await page.locator('#events li').filter({ hasText: id }).waitFor();
  });

  test('shows events live, and those from before it was opened', async () => {
    const before = await track();
    const page = await browser.open(replica.url);
    const events = page.locator('#events li');
    await events.filter({ hasText: before }).filter({ hasText: 'tracked' }).waitFor();
    const id = await track();
    await events.filter({ hasText: id }).filter({ hasText: 'tracked' }).waitFor();
    await replica.request('DELETE', `/calls/${id}/track`);
    await events.filter({ hasText: id }).filter({ hasText: 'stopped' }).waitFor();
    world.simulator.endCall(before);
    await events.filter({ hasText: before }).filter({ hasText: 'ended' }).waitFor();
  });

  test('finds a call by its id, with its history and evidence that can be copied', async () => {
    const id = await track({ labels: { room: 'board' } });
    fail(id, 'Later, please.');
    const page = await browser.open(replica.url, {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await page.getByRole('searchbox', { name: 'Id of a call' }).fill(id.toUpperCase());
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('heading', { name: `Call ${id}`, exact: true }).waitFor();
    await page.getByText('tracked, failing: Later, please.').waitFor();
    await page.locator('#call ol li').filter({ hasText: 'tracked' }).waitFor();
    await page.locator('dd', { hasText: 'room=board' }).waitFor();
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByText('Copied.').waitFor();
    const copied = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(copied).toContain(`call: ${id}`);
    expect(copied).toContain('status: 503');
    expect(copied).toMatch(/^request-id: [0-9a-f-]{36}$/m);
    expect(copied).toMatch(/^client-request-id: [0-9a-f-]{36}$/m);
    expect(copied).toMatch(/^Date: \w{3}, .* GMT$/m);
    await page.goBack();
    await page.locator('#wheel svg').waitFor();
  });

  test('rejects an invalid id, and says that a call is unknown', async () => {
    const page = await browser.open(replica.url);
    const search = page.getByRole('searchbox');
    await search.fill('../etc');
    await search.press('Enter');
    await page.getByText('An id is 8 to 128 letters, digits, - and _.').waitFor();
    await search.fill('no-such-call');
    await search.press('Enter');
    await page.getByText('It is not tracked, and was not within the last 24 hours.').waitFor();
  });

  test('works with the keyboard alone', async () => {
    const id = await track();
    const page = await browser.open(replica.url);
    await page.locator('#nearest a').waitFor();
    const focused = () => page.evaluate<string>('document.activeElement.textContent.trim()');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await page.evaluate("document.activeElement.closest('main') !== null")).toBe(true);
    // What was skipped to is no page of its own, to be loaded again.
    await page.reload();
    await page.locator('#nearest a').waitFor();
    await page.getByText('The wheel as a table').focus();
    await page.keyboard.press('Enter');
    await page.locator('#wheel-rows').waitFor();
    await page.keyboard.press('Tab');
    expect(await focused()).toBe(id);
    // The list is drawn again meanwhile, and the focus stays.
    const left = await page.locator('#nearest td').first().textContent();
    const changed = async () =>
      expect(await page.locator('#nearest td').first().textContent()).not.toBe(left);
    await vi.waitFor(changed, SOON);
    expect(await focused()).toBe(id);
    await page.keyboard.press('Enter');
    const title = page.getByRole('heading', { name: `Call ${id}` });
    await title.waitFor();
    expect(await focused()).toBe(`Call ${id}`);
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('All calls');
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('← Overview');
    await page.keyboard.press('Enter');
    await page.locator('#wheel svg').waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
  });

  test.each([360, 390, 768])('fits a screen %i px wide', async (width) => {
    await track({ labels: { topic: 'x'.repeat(200) } });
    const page = await browser.open(replica.url, { viewport: { width, height: 740 } });
    await page.locator('#nearest a').waitFor();
    const widest = () => page.evaluate('document.documentElement.scrollWidth');
    await expect.poll(widest, { timeout: 20_000 }).toBe(width);
    await page.locator('#nearest a').click();
    await page.getByRole('heading', { name: /^Call / }).waitFor();
    await expect.poll(widest, { timeout: 20_000 }).toBe(width);
  });

  test('draws a wheel of any size whole, in at most 120 sectors', async () => {
    const page = await browser.open(replica.url);
    for (const slots of [1, 2, 120, 121, 127, 256, 1_000, 4_096]) {
      const sectors = await page.evaluate<{ first: number; last: number; tracked: number }[]>(
        `import('/board/sectors.js').then(({ fold }) => {
          const ones = new Array(${slots}).fill(1);
          return fold({ tracked: ones, failing: ones });
        })`,
      );
      expect(sectors.length).toBeLessThanOrEqual(120);
      expect(sectors.length).toBeGreaterThanOrEqual(Math.min(slots, 61));
      expect(sectors.map(({ first }) => first)).toEqual([
        0,
        ...sectors.slice(0, -1).map(({ last }) => last + 1),
      ]);
      expect(sectors.at(-1)?.last).toBe(slots - 1);
      for (const { first, last, tracked } of sectors) expect(tracked).toBe(last - first + 1);
    }
  });

  test('respects prefers-reduced-motion', async () => {
    await track();
    const page = await browser.open(replica.url, { reducedMotion: 'reduce' });
    await page.locator('#events li').first().waitFor();
    const name = await page.evaluate(
      "getComputedStyle(document.querySelector('#events li')).animationName",
    );
    expect(name).toBe('none');
  });
});
