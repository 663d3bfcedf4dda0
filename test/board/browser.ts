import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';

/** Chromium sends no requests of its own. */
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

/** The limit for a change to show on the page, which asks every two seconds. */
export const SOON = { timeout: 60_000 };

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), args: ARGUMENTS });
}

/** For a test file: a Chromium that runs during its tests. */
export function browserForFile() {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  }, 120_000);
  afterAll(() => browser.close(), 60_000);
  return {
    /** Opens the board in a new tab. The test fails if anything went wrong in it. */
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

/** The errors of a page, and its requests to other servers than its own. */
function complaints(page: Page, url: string): string[] {
  const wrong: string[] = [];
  const { origin } = new URL(url);
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    // Chromium reports answers 4xx and 5xx, and failed connections, like this; some tests cause
    // them.
    if (!message.text().startsWith('Failed to load resource')) wrong.push(message.text());
  });
  page.on('request', (request) => {
    const isOwn = request.url().startsWith(`${origin}/`) || request.url().startsWith('data:');
    if (!isOwn) wrong.push(`request: ${request.url()}`);
  });
  return wrong;
}

/** Playwright itself only finds a Chromium of a package that is not installed here. */
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
