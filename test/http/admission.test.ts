import { expect, test } from 'vitest';
import { problemType } from '../../src/http/problems.ts';
import { anApp, converse, ID, identifyBy } from './fixture.ts';

const KEY = 'correct-horse-battery-staple';
const OTHER = 'another-key-of-enough-length';
const withKeys = { identify: identifyBy({ apiKeys: [KEY, OTHER] }) };
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

const CLOSED = [
  ['POST', `/calls/${ID}/track`],
  ['DELETE', `/calls/${ID}/track`],
  ['GET', `/calls/${ID}`],
  ['POST', `/calls/${ID}/keepAlive`],
  ['GET', '/calls'],
  ['POST', '/calls/track'],
  ['GET', '/openapi.json'],
  ['GET', '/docs'],
  ['GET', '/docs/json'],
  ['GET', '/docs/static/swagger-ui.css'],
  ['PUT', '/calls'],
  ['GET', '/no-such-route'],
] as const;

test.each(CLOSED)('%s %s wants a key', async (method, url) => {
  const { app, calls } = await anApp(withKeys);
  const answer = await app.inject({ method, url });
  expect(answer.statusCode).toBe(401);
  expect(answer.json().type).toBe(problemType('unauthorized'));
  expect(answer.headers['www-authenticate']).toBe('Bearer realm="callkeeper"');
  expect(calls.asked).toEqual([]);
  const admitted = await app.inject({ method, url, headers: bearer(OTHER) });
  expect(admitted.statusCode).not.toBe(401);
});

test.each(['/livez', '/readyz', '/metrics'])('%s wants none, and is not limited', async (url) => {
  const { app } = await anApp({ ...withKeys, rateLimit: { max: 1, windowMs: 60_000 } });
  for (let i = 0; i < 5; i++) expect((await app.inject(url)).statusCode).toBe(200);
});

test.each([
  ['a wrong key', `Bearer ${KEY}x`],
  ['the start of a key', `Bearer ${KEY.slice(0, -1)}`],
  ['an empty key', 'Bearer '],
  ['no scheme', KEY],
  ['another scheme', `Basic ${KEY}`],
  ['two keys', `Bearer ${KEY} ${OTHER}`],
  ['two keys with a comma', `Bearer ${KEY}, ${OTHER}`],
  ['100 KiB', `Bearer ${'x'.repeat(100 * 1024)}`],
])('%s is not let in, and not logged', async (_, authorization) => {
  const { app, calls, logged } = await anApp({ ...withKeys, level: 'trace' });
  const answer = await app.inject({ url: '/calls', headers: { authorization } });
  expect(answer.statusCode).toBe(401);
  expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
  expect(calls.asked).toEqual([]);
  expect(logged.join('')).not.toContain(KEY.slice(0, 10));
  expect(answer.body).not.toContain(KEY.slice(0, 10));
});

test('the scheme is known in any case', async () => {
  const { app } = await anApp(withKeys);
  const answer = await app.inject({ url: '/calls', headers: { authorization: `bearer  ${KEY}` } });
  expect(answer.statusCode).toBe(200);
});

test('a list of no keys lets nobody in', async () => {
  const { app } = await anApp({ identify: identifyBy({ holders: [] }) });
  expect((await app.inject({ url: '/calls', headers: bearer('') })).statusCode).toBe(401);
  expect((await app.inject({ url: '/calls', headers: bearer(KEY) })).statusCode).toBe(401);
});

test('a key is limited by itself, whatever address it comes from', async () => {
  const { app } = await anApp({ ...withKeys, rateLimit: { max: 2, windowMs: 60_000 } });
  const ask = (key: string, remoteAddress: string) =>
    app.inject({ url: '/calls', headers: bearer(key), remoteAddress });
  for (const address of ['192.0.2.1', '192.0.2.2']) {
    expect((await ask(KEY, address)).statusCode).toBe(200);
  }
  const answer = await ask(KEY, '192.0.2.3');
  expect(answer.statusCode).toBe(429);
  expect(answer.json().type).toBe(problemType('rate-limited'));
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
  expect((await ask(OTHER, '192.0.2.1')).statusCode).toBe(200);
});

test('guesses are limited by address, and do not lock out who has a key', async () => {
  const { app, calls } = await anApp({ ...withKeys, rateLimit: { max: 3, windowMs: 60_000 } });
  const statuses = [];
  for (let i = 0; i < 5; i++) {
    const headers = bearer(`guess-number-${i}-of-a-thousand`);
    statuses.push((await app.inject({ url: '/no-such-route', headers })).statusCode);
  }
  expect(statuses).toEqual([401, 401, 401, 429, 429]);
  expect(calls.asked).toEqual([]);
  expect((await app.inject({ url: '/calls', headers: bearer(KEY) })).statusCode).toBe(200);
  const elsewhere = await app.inject({ url: '/calls', remoteAddress: '192.0.2.9' });
  expect(elsewhere.statusCode).toBe(401);
});

test('without keys an address is limited, and a limit passes', async () => {
  const { app } = await anApp({ rateLimit: { max: 1, windowMs: 50 } });
  expect((await app.inject('/calls')).statusCode).toBe(200);
  expect((await app.inject('/calls')).statusCode).toBe(429);
  await expect.poll(async () => (await app.inject('/calls')).statusCode).toBe(200);
});

test('who is not let in sends no body', async () => {
  const { app } = await anApp(withKeys);
  const head = 'POST /calls/track HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';
  const answer = await converse(
    app,
    `${head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n`,
  );
  expect(answer).toContain('HTTP/1.1 401');
});
