import { describe, expect, test, vi } from 'vitest';
import { browserForFile, SOON } from './browser.ts';
import { replicaWithOwners, rowsOf, shows } from './owners-fixture.ts';

const browser = browserForFile();
const { track, renew, drop, url } = replicaWithOwners();
const SLOW = { timeout: 180_000 };

describe('the owners on the board', SLOW, () => {
  test('are hidden while there are none', async () => {
    const [id = ''] = await track('bot-1');
    await drop('bot-1');
    const page = await browser.open(url());
    await page.waitForResponse('**/owners?*');
    await page.locator('#events li').filter({ hasText: id }).first().waitFor();
    expect(await page.locator('#owners-section').isVisible()).toBe(false);
  });

  test('come first if they lapsed, with what will be stopped and when, and later why', async () => {
    const page = await browser.open(url());
    await renew('bot-1', 3_600);
    await renew('bot-9');
    const [id = ''] = await track('bot-9', 'bot-9', 'bot-9', 'bot-1', 'bot-5');
    await shows(page, ['bot-1', 'bot-5', 'bot-9']);
    const one = rowsOf(page).nth(0);
    expect(await one.locator('p').first().textContent()).toBe('active');
    expect(await one.locator('td').allTextContents()).toEqual([
      '1',
      expect.stringMatching(/^59 min \d+ s$|^1 h 0 min$/),
    ]);
    expect(await rowsOf(page).nth(1).locator('p').first().textContent()).toBe('no lease');
    expect(await rowsOf(page).nth(1).locator('td').allTextContents()).toEqual(['1', '–']);
    await page.locator('#nearest').getByText('default · bot-9').first().waitFor();

    await shows(page, ['bot-9', 'bot-1', 'bot-5']);
    const fate = rowsOf(page).nth(0).locator('.wrong');
    const said = (await fate.textContent()) ?? '';
    expect(said).toMatch(/^has not renewed its lease: its 3 calls are stopped in [\d.]+ s$/);
    await vi.waitFor(async () => expect(await fate.textContent()).not.toBe(said), SOON);
    const notice = page.getByText(
      /^bot-9 has not renewed its lease: its 3 calls are stopped at \d\d:\d\d:\d\d unless it does\.$/,
    );
    await notice.waitFor();
    expect(await page.locator('#state').textContent()).toBe('1 owner lapsed');
    const events = page.locator('#events li');
    await events
      .filter({ hasText: 'bot-9' })
      .getByText(/^its 3 calls are stopped at/)
      .waitFor();

    const stopped = page.locator('.notice.mild', {
      hasText: /^3 calls of bot-9 were stopped within the last 1 min: it did not renew its lease\./,
    });
    await stopped.waitFor();
    await notice.waitFor({ state: 'detached' });
    await shows(page, ['bot-1', 'bot-5']);
    await page.getByText('All well').waitFor();
    await events.filter({ hasText: id }).getByText('bot-9 did not renew its lease').waitFor();
    await stopped.getByRole('link', { name: id }).click();
    await page.getByText('stopped: its owner did not renew its lease').waitFor();
    await page.locator('dd').getByText('bot-9', { exact: true }).waitFor();
  });

  test('lose their notice if they renew their leases in time', async () => {
    await renew('bot-late');
    await track('bot-late');
    const page = await browser.open(url());
    const fate = page.getByText(/^has not renewed its lease: its call is stopped in/);
    await fate.waitFor();
    const notice = page.locator('.notice').getByText(/^bot-late has not renewed its lease/);
    await notice.waitFor();
    await renew('bot-late', 3_600);
    await fate.waitFor({ state: 'detached' });
    await notice.waitFor({ state: 'detached' });
    await page.getByText('All well').waitFor();
    const event = page.locator('#events li').filter({ hasText: 'renewed' });
    await event.getByText('its call is kept alive').waitFor();
  });

  test('are limited to 20, lapsed ones first, and the page says how many more there are', async () => {
    const many = Array.from({ length: 203 }, (_, i) => `bot-${1_000 + i}`);
    await track(...many.slice(0, 25));
    const page = await browser.open(url());
    await page.getByText('and 5 more', { exact: true }).waitFor();
    expect(await rowsOf(page).count()).toBe(20);
    await track(...many.slice(25));
    await renew('zz-late');
    await track('zz-late');
    await page.getByText('and at least 180 more').waitFor();
    await shows(page, ['zz-late', ...many.slice(0, 19)]);
    await page.getByText('and at least 181 more').waitFor();
  });
});
