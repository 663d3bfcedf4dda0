import type { InjectOptions } from 'fastify';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Authenticator } from '../../src/access/authenticator.ts';
import { hashOf } from '../../src/access/key-ring.ts';
import type { Scope } from '../../src/calls/principal.ts';
import { problemType } from '../../src/http/problems.ts';
import { aClient, anApp, converse, ID, identifyBy } from './fixture.ts';

const KEY = 'correct-horse-battery-staple';
const OTHER = 'another-key-of-enough-length';
const withKeys = { identify: identifyBy({ apiKeys: [KEY, OTHER] }) };
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

const CLOSED = [
  ['POST', '/calls/untrack'],
  ['GET', '/owners'],
  ['GET', '/owners/bot-7'],
  ['PUT', '/owners/bot-7'],
  ['DELETE', '/owners/bot-7'],
  ['POST', `/calls/${ID}/track`],
  ['DELETE', `/calls/${ID}/track`],
  ['GET', `/calls/${ID}`],
  ['POST', `/calls/${ID}/keepAlive`],
  ['GET', '/calls'],
  ['POST', '/calls/track'],
  ['GET', '/openapi.json'],
  ['PUT', '/calls'],
  ['GET', '/no-such-route'],
] as const;

test.each(CLOSED)('%s %s requires a key', async (method, url) => {
  const { app, calls } = await anApp(withKeys);
  const answer = await app.inject({ method, url });
  expect(answer.statusCode).toBe(401);
  expect(answer.json().type).toBe(problemType('unauthorized'));
  expect(answer.headers['www-authenticate']).toBe('Bearer realm="callkeeper"');
  expect(calls.asked).toEqual([]);
  const admitted = await app.inject({ method, url, headers: bearer(OTHER) });
  expect(admitted.statusCode).not.toBe(401);
});

const OPEN = [
  '/livez',
  '/readyz',
  '/metrics',
  '/docs',
  '/docs/json',
  '/docs/static/swagger-ui.css',
];

test.each(OPEN)('%s requires no key, and has no limit', async (url) => {
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
])('%s is refused, and not logged', async (_, authorization) => {
  const { app, calls, logged } = await anApp({ ...withKeys, level: 'trace' });
  const answer = await app.inject({ url: '/calls', headers: { authorization } });
  expect(answer.statusCode).toBe(401);
  expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
  expect(calls.asked).toEqual([]);
  expect(logged.join('')).not.toContain(KEY.slice(0, 10));
  expect(answer.body).not.toContain(KEY.slice(0, 10));
});

test('the scheme is recognised in any case', async () => {
  const { app } = await anApp(withKeys);
  const answer = await app.inject({ url: '/calls', headers: { authorization: `bearer  ${KEY}` } });
  expect(answer.statusCode).toBe(200);
});

test('an empty list of keys admits nobody', async () => {
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

test('guesses are limited by address, and do not lock out a client with a key', async () => {
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
  const { app } = await anApp({ rateLimit: { max: 1, windowMs: 60_000 } });
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  expect((await app.inject('/calls')).statusCode).toBe(200);
  expect((await app.inject('/calls')).statusCode).toBe(429);
  vi.setSystemTime(Date.now() + 60_000);
  expect((await app.inject('/calls')).statusCode).toBe(200);
});

describe('without keys the server refuses requests of a page of another site', () => {
  const CHANGES = [
    ['POST', `/calls/${ID}/track`],
    ['DELETE', `/calls/${ID}/track`],
    ['POST', `/calls/${ID}/keepAlive`],
  ] as const;

  test.each(CHANGES)('%s %s', async (method, url) => {
    const { app, calls, logged } = await anApp();
    const ask = (site: string) => app.inject({ method, url, headers: { 'sec-fetch-site': site } });
    for (const site of ['cross-site', 'same-site']) {
      const answer = await ask(site);
      expect(answer.statusCode).toBe(403);
      expect(answer.json().type).toBe(problemType('forbidden'));
    }
    expect(calls.asked).toEqual([]);
    expect(logged.join('')).toContain('"outcome":"forbidden"');
    // The pages of this server, and who has typed the address.
    for (const site of ['same-origin', 'none']) expect((await ask(site)).statusCode).not.toBe(403);
  });

  test('on loopback, also if a foreign name points at this machine', async () => {
    const { app, calls } = await anApp({ loopbackOnly: true });
    const ask = (host: string) => app.inject({ url: '/calls', headers: { host } });
    for (const host of [
      'evil.example',
      'evil.example:8080',
      '127.0.0.1.evil.example',
      '192.0.2.1',
    ]) {
      expect((await ask(host)).statusCode, host).toBe(403);
    }
    expect(calls.asked).toEqual([]);
    for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1:80', '127.1.2.3', '[::1]:8080']) {
      expect((await ask(host)).statusCode, host).toBe(200);
    }
  });

  test('with a key it is accepted: a page of another site has no key', async () => {
    const { app } = await anApp(withKeys);
    const headers = { ...bearer(KEY), 'sec-fetch-site': 'cross-site', host: 'a.example' };
    const answer = await app.inject({ method: 'POST', url: `/calls/${ID}/track`, headers });
    expect(answer.statusCode).toBe(201);
  });
});

test('a refused client need not send its body', async () => {
  const { app } = await anApp(withKeys);
  const head = 'POST /calls/track HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';
  const answer = await converse(
    app,
    `${head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n`,
  );
  expect(answer).toContain('HTTP/1.1 401');
});

const READS: readonly InjectOptions[] = [
  { method: 'GET', url: `/calls/${ID}` },
  { method: 'GET', url: '/calls' },
  { method: 'GET', url: '/openapi.json' },
];
const CHANGES: readonly InjectOptions[] = [
  { method: 'POST', url: `/calls/${ID}/track` },
  { method: 'DELETE', url: `/calls/${ID}/track` },
  { method: 'POST', url: `/calls/${ID}/keepAlive` },
  { method: 'POST', url: '/calls/track', payload: { calls: [{ id: ID }] } },
  { method: 'POST', url: '/notifications', payload: { value: [] } },
];

describe('a key of the scope', () => {
  const ask = async (scopes: readonly Scope[], request: InjectOptions) => {
    const holders = [aClient(KEY, { scopes })];
    const { app, calls } = await anApp({ identify: identifyBy({ holders }) });
    const answer = await app.inject({ ...request, headers: bearer(KEY) });
    return { answer, asked: calls.asked };
  };

  test.each([
    ['read', 'track', READS, CHANGES],
    ['track', 'read', CHANGES, READS],
  ] as const)('%s does not allow what requires %s', async (scope, other, allowed, forbidden) => {
    for (const request of allowed) {
      const { answer } = await ask([scope], request);
      expect([request, answer.statusCode]).not.toEqual([request, 403]);
    }
    for (const request of forbidden) {
      const { answer, asked } = await ask([scope], request);
      expect([request, answer.statusCode]).toEqual([request, 403]);
      expect(answer.json()).toMatchObject({
        type: problemType('forbidden'),
        detail: `the key lacks the scope \`${other}\``,
      });
      expect(answer.headers['www-authenticate']).toBe(
        `Bearer realm="callkeeper", error="insufficient_scope", scope="${other}"`,
      );
      expect(asked).toEqual([]);
    }
  });

  test('admin allows everything', async () => {
    for (const request of [...READS, ...CHANGES]) {
      const { answer } = await ask(['admin'], request);
      expect([request, answer.statusCode]).not.toEqual([request, 403]);
    }
  });

  test('any scope gets 404 for an unknown route', async () => {
    expect((await ask(['read'], { method: 'PUT', url: '/calls' })).answer.statusCode).toBe(405);
    expect((await ask(['track'], { method: 'GET', url: '/no-such-route' })).answer.statusCode).toBe(
      404,
    );
    expect((await ask(['read'], { method: 'HEAD', url: '/calls' })).answer.statusCode).toBe(200);
    expect((await ask(['track'], { method: 'HEAD', url: '/calls' })).answer.statusCode).toBe(403);
  });
});

test('requests see only what the key may see', async () => {
  const holders = [aClient(KEY, { apps: ['a', 'b'] }), aClient(OTHER, { name: 'other' })];
  const { app, calls } = await anApp({ identify: identifyBy({ holders }) });
  const requests = [...READS.slice(0, 2), ...CHANGES];
  for (const key of [KEY, OTHER]) {
    calls.reaches.length = 0;
    for (const request of requests) await app.inject({ ...request, headers: bearer(key) });
    const visibleApps = key === KEY ? new Set(['a', 'b']) : null;
    expect(calls.reaches).toEqual(requests.map(() => visibleApps));
  }
});

test('a key is valid until it is revoked or expires, while the server runs', async () => {
  let now = 0;
  const access = new Authenticator({ apiKeys: [], holders: [], entra: null, now: () => now });
  const { app } = await anApp({ identify: (header) => access.identify(header) });
  const ask = (key: string) => app.inject({ url: '/calls', headers: bearer(key) });
  const statuses = async () => [(await ask(KEY)).statusCode, (await ask(OTHER)).statusCode];
  expect(await statuses()).toEqual([401, 401]);
  const keys = [
    { hash: hashOf(KEY), expiresAt: 1_000 },
    { hash: hashOf(OTHER), expiresAt: null },
  ];
  access.useHolders([aClient(KEY, { keys })]);
  expect(await statuses()).toEqual([200, 200]);
  now = 1_000;
  expect(await statuses()).toEqual([401, 200]);
  expect((await ask(KEY)).json().detail).toBe('the key of bot has expired');
  access.useHolders([]);
  expect(await statuses()).toEqual([401, 401]);
});

test('a key may have its own limit, which others do not share', async () => {
  const holders = [aClient(KEY, { rateLimit: 2 }), aClient(OTHER, { name: 'other', rateLimit: 4 })];
  const rateLimit = { max: 3, windowMs: 60_000 };
  const { app } = await anApp({ identify: identifyBy({ holders }), rateLimit });
  const statuses = async (key: string) => {
    const answers = [];
    for (let i = 0; i < 5; i++)
      answers.push(await app.inject({ url: '/calls', headers: bearer(key) }));
    return answers.map(({ statusCode }) => statusCode);
  };
  expect(await statuses(KEY)).toEqual([200, 200, 429, 429, 429]);
  expect(await statuses(OTHER)).toEqual([200, 200, 200, 200, 429]);
});

test('a thousand guesses are refused in few words while a right key goes on', async () => {
  const denied: string[] = [];
  const { app, calls, logged } = await anApp({
    ...withKeys,
    rateLimit: { max: 100, windowMs: 60_000 },
    onDenied: (denial) => denied.push(denial),
    level: 'info',
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const url = `${app.listeningOrigin}/calls`;
  const ask = async (key: string) => (await fetch(url, { headers: bearer(key) })).status;
  const guesses = Array.from({ length: 1_000 }, (_, i) => ask(`guess-number-${i}-of-a-thousand`));
  const right = Array.from({ length: 50 }, () => ask(KEY));
  expect(new Set(await Promise.all(right))).toEqual(new Set([200]));
  const refused = await Promise.all(guesses);
  expect(refused.filter((status) => status === 401)).toHaveLength(100);
  expect(refused.filter((status) => status === 429)).toHaveLength(900);
  expect(calls.asked).toHaveLength(50);
  expect(denied).toHaveLength(1_000);
  const told = logged.map((line) => JSON.parse(line)).filter(({ action }) => action === 'denied');
  expect(told[0]).toMatchObject({
    audit: true,
    outcome: 'unauthorized',
    why: 'this server does not know the key',
    principal: 'nobody',
    method: 'GET',
    route: '/calls',
    address: '127.0.0.1',
    reqId: expect.any(String),
    untoldBefore: 0,
  });
  // A thousand in a moment; were the machine very slow, some more windows of ten.
  expect(told.length).toBeLessThan(200);
  expect(logged.join('')).not.toContain('guess-number');
});

test('a token that cannot be checked now gets 503, and the replica stays ready', async () => {
  const unverifiable = { kind: 'unverifiable', reason: 'https://login answers 500' } as const;
  const { app, logged } = await anApp({ identify: async () => unverifiable });
  const answer = await app.inject({ url: '/calls', headers: bearer('a.b.c') });
  expect(answer.statusCode).toBe(503);
  expect(answer.json().type).toBe(problemType('entra-keys-unavailable'));
  expect(answer.headers['retry-after']).toBe('5');
  expect(answer.headers['www-authenticate']).toBeUndefined();
  expect(answer.body).not.toContain('https://login');
  expect(logged.join('')).toContain('https://login answers 500');
  expect((await app.inject('/readyz')).statusCode).toBe(200);
});

test('a header that is huge is refused by its size', async () => {
  const { app } = await anApp(withKeys);
  const answer = await converse(
    app,
    `GET /calls HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${'x'.repeat(64 * 1024)}\r\n\r\n`,
  );
  expect(answer).toContain('HTTP/1.1 431');
});
