import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { browserForFile, SOON } from './browser.ts';
import { namesIn, replicaWithOwners, rowsOf, shows } from './owners-fixture.ts';

const browser = browserForFile();
const { track, renew, url } = replicaWithOwners();
const SLOW = { timeout: 180_000 };

/** Changes the owners in the answers to the page. */
async function answer(page: Page, change: (owner: object) => object[]): Promise<void> {
  await page.route('**/owners?*', async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    await route.fulfill({ response, json: { ...json, owners: json.owners.flatMap(change) } });
  });
}

describe('the owners on the board', SLOW, () => {
  test('are shown with their app if there are several apps', async () => {
    await track('bot-1');
    const page = await browser.open(url());
    await shows(page, ['bot-1']);
    expect(await rowsOf(page).locator('p').first().textContent()).toBe('no lease');
    await answer(page, (owner) => [owner, { ...owner, app: 'recorder' }]);
    await shows(page, ['bot-1', 'bot-1']);
    await page.getByText('default · no lease').waitFor();
    await page.getByText('recorder · no lease').waitFor();
  });

  test('are named in one notice if several lapsed, until their calls are being stopped', async () => {
    await track('bot-1', 'bot-2');
    const page = await browser.open(url());
    let stopsAt = new Date(Date.now() + 60_000).toISOString();
    await answer(page, (owner) => [{ ...owner, state: 'lapsed', leaseUntil: stopsAt, stopsAt }]);
    const who = 'bot-1 and bot-2 have not renewed their leases: their 2 calls are';
    const notice = page.locator('.notice').getByText(who);
    await notice.getByText(/ stopped unless they do, the first of them at [\d:]+\.$/).waitFor();
    expect(await page.locator('#state').textContent()).toBe('2 owners lapsed');
    stopsAt = new Date().toISOString();
    await page.getByText(`${who} being stopped.`, { exact: true }).waitFor();
    const fate = 'has not renewed its lease: its call is being stopped';
    expect(await rowsOf(page).getByText(fate, { exact: true }).count()).toBe(2);
  });

  test('keep their calls while Redis is out, and the page says so', async () => {
    await track('bot-1');
    const page = await browser.open(url());
    const stopsAt = new Date(Date.now() + 60_000).toISOString();
    await answer(page, (owner) => [{ ...owner, state: 'lapsed', leaseUntil: stopsAt, stopsAt }]);
    await page.getByText('has not renewed its lease: its call is stopped in').waitFor();
    await page.route('**/overview', async (route) => {
      const response = await route.fetch();
      const json = { ...(await response.json()), redis: { up: false, cause: null } };
      await route.fulfill({ response, json });
    });
    const row = 'has not renewed its lease: its call is not stopped while Redis is out';
    await rowsOf(page).getByText(row, { exact: true }).waitFor();
    await page.locator('.notice').getByText(`bot-1 ${row}.`, { exact: true }).waitFor();
  });

  test('stay as they were if they cannot be read, with the time of the last answer', async () => {
    await track('bot-1');
    const page = await browser.open(url());
    await shows(page, ['bot-1']);
    await page.route('**/owners?*', (route) => route.fulfill({ status: 503, json: {} }));
    await page
      .getByText(/^No answer\. This is how it was at \d\d:\d\d:\d\d\. Trying again\.$/)
      .waitFor();
    expect(await namesIn(page)).toEqual(['bot-1']);
    await page.unroute('**/owners?*');
    await vi.waitFor(
      async () => expect(await page.locator('#owners-state').textContent()).toBe(''),
      SOON,
    );
  });

  test('are not read by a hidden tab', async () => {
    const page = await browser.open(url());
    await page.waitForResponse('**/owners?*');
    const look = (state: string) =>
      page.evaluate(
        `Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));`,
      );
    await look('hidden');
    let asked = 0;
    const count = (request: { url(): string }) => {
      if (request.url().includes('/owners?')) asked++;
    };
    page.on('request', count);
    onTestFinished(() => void page.off('request', count));
    // Longer than the page waits between two readings.
    await sleep(8_000);
    expect(asked).toBe(0);
    const again = page.waitForRequest('**/owners?*');
    await look('visible');
    await again;
  });

  test.each([
    [390, 'light'],
    [390, 'dark'],
    [768, 'light'],
  ] as const)('fit on a screen %i px wide, %s', async (width, colorScheme) => {
    const long = 'x'.repeat(128);
    await renew('bot-1', 3_600);
    await track('bot-1', long);
    const page = await browser.open(url(), { viewport: { width, height: 740 }, colorScheme });
    const stopsAt = new Date(Date.now() + 500_000).toISOString();
    const lapsed = { state: 'lapsed', leaseUntil: stopsAt, stopsAt, tracked: 12_345 };
    await answer(page, (owner) => [{ ...owner, ...lapsed }]);
    await page.getByText('its 12,345 calls are stopped in').first().waitFor();
    const widest = () => page.evaluate('document.documentElement.scrollWidth');
    await expect.poll(widest, { timeout: 20_000 }).toBe(width);
    const table = await page.locator('#owners').boundingBox();
    expect(table?.width).toBeLessThan(width);
  });
});
