import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { anApp, identifyBy } from '../fixture.ts';

const KEY = 'a-key-of-twenty-four-characters';
const FILES = readdirSync('src/board')
  .filter((name) => !/index\.html|\.json$/.test(name))
  .map((name) => `/board/${name}`);
/** The board shares this one file with the client. */
FILES.push('/client/event-frames.js');

test('the page and all that it loads are sent without a key, and hold no data', async () => {
  const { app, calls } = await anApp({ identify: identifyBy({ apiKeys: [KEY] }) });
  const page = await app.inject('/');
  expect([page.statusCode, page.headers['content-type']]).toEqual([
    200,
    'text/html; charset=utf-8',
  ]);
  for (const name of FILES) {
    const { statusCode, headers } = await app.inject(name);
    expect([name, statusCode]).toEqual([name, 200]);
    expect(headers['content-security-policy']).toBe(page.headers['content-security-policy']);
  }
  for (const name of FILES.filter((file) => file.endsWith('.js'))) {
    const { body } = await app.inject(name);
    for (const [, other = ''] of body.matchAll(/^(?:import .*|\}) from '([^']+)'/gm)) {
      expect(FILES).toContain(new URL(other, `http://here${name}`).pathname);
    }
  }
  expect(calls.asked).toEqual([]);
});

test('it may load and run only files of this server, and no inline code', async () => {
  const { app } = await anApp();
  const page = await app.inject('/');
  const csp = String(page.headers['content-security-policy']);
  expect(csp).toContain("default-src 'none'");
  expect(csp).not.toMatch(/https?:|unsafe|\*/);
  expect(page.body).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/);
  const loaded = [...page.body.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, url]) => String(url));
  for (const url of loaded) expect((await app.inject(url)).statusCode).toBe(200);
});

test('any other path is unknown', async () => {
  const { app } = await anApp();
  for (const path of [
    '/board/',
    '/board/tsconfig.json',
    '/client/',
    '/client/client.ts',
    '/client/index.js',
    '/board/../main.ts',
    '/board/%2e%2e/main.ts',
  ]) {
    expect((await app.inject(path)).statusCode).toBe(404);
  }
});
