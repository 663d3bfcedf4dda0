import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';

/** Nothing of it asks the network for anything by itself. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** How long the page may take to show what is so; it asks every two seconds. */
export const SOON = { timeout: 60_000 };

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), args: ARGUMENTS });
}

/** For a test file: a Chromium that runs before its tests and ends after them. */
export function browserForFile() {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  }, 120_000);
  afterAll(() => browser.close(), 60_000);
  return {
    /** A tab of its own, with the board open; when the test is over nothing may have gone wrong in it. */
    open: async (url: string, options: BrowserContextOptions = {}): Promise<Page> => {
      const context = await browser.newContext(options);
      context.setDefaultTimeout(SOON.timeout);
      const page = await context.newPage();
      const wrong = complaints(page, url);
      onTestFinished(async () => {
        await context.close();
        expect(wrong).toEqual([]);
      });
      await page.goto(url);
      return page;
    },
  };
}

/** What goes wrong in a page, and what it asks of others than whom it came from. */
function complaints(page: Page, url: string): string[] {
  const wrong: string[] = [];
  const { origin } = new URL(url);
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    // Chromium's word for an answer of 4xx and 5xx, or none: some tests bring these about.
    if (!message.text().startsWith('Failed to load resource')) wrong.push(message.text());
  });
  page.on('request', (request) => {
    const isOwn = request.url().startsWith(`${origin}/`) || request.url().startsWith('data:');
    if (!isOwn) wrong.push(`request: ${request.url()}`);
  });
  return wrong;
}

/** Playwright's own name for it is only that of a package that is not installed here. */
function findChromium(): string {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      try {
        accessSync(join(directory, name), constants.X_OK);
        return join(directory, name);
      } catch {
        // elsewhere, then
      }
    }
  }
  throw new Error(
    'there is no chromium on the PATH: npm run test:board installs it on Debian and Ubuntu',
  );
}
