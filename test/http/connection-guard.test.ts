import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { hashOf, type KeyHolder } from '../../src/access/key-ring.ts';
import type { DropReason } from '../../src/http/connection-guard.ts';
import type { Limits } from '../../src/http/limits.ts';
import { anApp, identifyBy } from './fixture.ts';

const KEY = 'k'.repeat(24);
/** May not ask what the tests ask, but is known. */
const TRACKER: KeyHolder = {
  name: 'tracker',
  keys: [{ hash: hashOf('t'.repeat(24)), expiresAt: null }],
  scopes: ['track'],
  apps: null,
  rateLimit: null,
};
const ROOMY = { maxConnections: 100, maxAnonymous: 100, maxAnonymousPerAddress: 100 };

async function aServer(limits: Partial<Limits>) {
  const dropped: DropReason[] = [];
  const fixture = await anApp({
    identify: identifyBy({ apiKeys: [KEY], holders: [TRACKER] }),
    limits: { ...ROOMY, ...limits },
    onConnectionDropped: (reason) => dropped.push(reason),
    level: 'warn',
  });
  await fixture.app.listen({ port: 0, host: '127.0.0.1' });
  return { ...fixture, dropped };
}

/** A connection that the server has accepted. @param from an address of loopback */
async function open(app: FastifyInstance, from = '127.0.0.1'): Promise<Socket> {
  const { port } = app.server.address() as AddressInfo;
  const accepted = once(app.server, 'connection');
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  await Promise.all([once(socket, 'connect'), accepted]);
  return socket;
}

/** Resolves however it is closed, by a reset as well, and if it is closed already. */
const closed = async (socket: Socket) => {
  if (!socket.closed) await new Promise<void>((resolve) => void socket.once('close', resolve));
};

/** What comes back up to the end of the headers. */
async function ask(socket: Socket, path: string, ...headers: string[]): Promise<string> {
  socket.write([`GET ${path} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n'));
  let answer = '';
  while (!answer.includes('\r\n\r\n')) answer += String((await once(socket, 'data'))[0]);
  return answer;
}

const askWithKey = (socket: Socket, path = '/calls') =>
  ask(socket, path, `Authorization: Bearer ${KEY}`);

const isServed = async (socket: Socket) => (await ask(socket, '/livez')).startsWith('HTTP/1.1 200');

test('a connection beyond the limit of its address closes the oldest without a key', async () => {
  const { app, dropped } = await aServer({ maxAnonymousPerAddress: 2 });
  const known = await open(app);
  expect(await askWithKey(known)).toContain('200 OK');
  const [oldest, slow] = [await open(app), await open(app)];
  slow.write('GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ');
  const newest = await open(app);
  await closed(oldest);
  expect(dropped).toEqual(['address']);
  expect(await isServed(newest)).toBe(true);
  await open(app);
  await closed(slow);
  expect(await askWithKey(known)).toContain('200 OK');
});

test.each([
  ['a wrong key', '/calls', `Authorization: Bearer ${'w'.repeat(24)}`],
  ['a probe', '/livez', `Authorization: Bearer ${KEY}`],
  ['an unknown route', '/nothing', 'X-A: b'],
  ['a path that cannot be decoded', '/%zz', `Authorization: Bearer ${KEY}`],
])('a connection with %s alone has shown no key', async (_, path, header) => {
  const { app, dropped } = await aServer({ maxAnonymousPerAddress: 1 });
  const first = await open(app);
  expect(await ask(first, path, header)).toContain('Keep-Alive: timeout=5\r\n');
  await Promise.all([closed(first), open(app)]);
  expect(dropped).toEqual(['address']);
});

test('a valid key counts as shown even if it does not allow the request', async () => {
  const { app, dropped } = await aServer({ maxAnonymousPerAddress: 1 });
  const first = await open(app);
  expect(await ask(first, '/calls', `Authorization: Bearer ${'t'.repeat(24)}`)).toContain(' 403 ');
  await open(app);
  expect(await isServed(first)).toBe(true);
  expect(dropped).toEqual([]);
});

test('if no key is needed, a client that is let in is known', async () => {
  const limits = { ...ROOMY, maxAnonymousPerAddress: 1 };
  const { app } = await anApp({ limits });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const first = await open(app);
  expect(await ask(first, '/calls')).toContain('keep-alive: timeout=72\r\n');
  await open(app);
  expect(await isServed(first)).toBe(true);
});

test('the address that has the most loses its oldest when all together are too many', async () => {
  const { app, dropped } = await aServer({ maxAnonymous: 4 });
  const quiet = await open(app, '127.0.0.2');
  const flood = [];
  for (let i = 0; i < 3; i++) flood.push(await open(app, '127.0.0.3'));
  const another = await open(app, '127.0.0.4');
  await closed(flood[0] as Socket);
  expect(dropped).toEqual(['anonymous']);
  for (const socket of [quiet, another]) expect(await isServed(socket)).toBe(true);
});

test('a full server closes connections without a key first, then those idle longest', async () => {
  const { app, dropped } = await aServer({ maxConnections: 3 });
  const anonymous = await open(app, '127.0.0.2');
  const [early, late] = [await open(app), await open(app)];
  for (const socket of [late, early, late]) await askWithKey(socket);
  const third = await open(app);
  await closed(anonymous);
  await askWithKey(third);
  await Promise.all([closed(early), open(app)]);
  for (const socket of [late, third]) expect(await askWithKey(socket)).toContain('200 OK');
  expect(dropped).toEqual(['full', 'full']);
});

test('a server full of requests in flight closes only new connections', async () => {
  const { app, dropped, logged } = await aServer({ maxConnections: 2 });
  const streams = [await open(app), await open(app)];
  for (const stream of streams) {
    expect(await askWithKey(stream, '/events')).toContain('text/event-stream');
  }
  await closed(await open(app));
  expect(streams.map(({ destroyed }) => destroyed)).toEqual([false, false]);
  expect(dropped).toEqual(['full']);
  expect(logged.map((line) => JSON.parse(line))).toMatchObject([
    { level: 40, dropped: { full: 1 }, address: '127.0.0.1' },
  ]);
});

test('an idle connection is kept for a short time without a key, and longer with one', async () => {
  const { app } = await aServer({ anonymousKeepAliveMs: 10, keepAliveTimeoutMs: 72_000 });
  const [known, anonymous] = [await open(app), await open(app)];
  expect(await askWithKey(known)).toContain('keep-alive: timeout=72\r\n');
  expect(await isServed(anonymous)).toBe(true);
  await closed(anonymous);
  expect(await askWithKey(known)).toContain('200 OK');
});

test('a connection with too many requests at once is closed, whatever they wait for', async () => {
  const dropped: DropReason[] = [];
  const { app } = await anApp({
    identify: () => new Promise(() => {}),
    limits: { ...ROOMY, maxPipelined: 3 },
    onConnectionDropped: (reason) => dropped.push(reason),
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const request = 'GET /calls HTTP/1.1\r\nHost: a\r\n\r\n';
  const [patient, greedy] = [await open(app), await open(app)];
  patient.write(request.repeat(3));
  greedy.write(request.repeat(4));
  await closed(greedy);
  expect(dropped).toEqual(['pipelined']);
  expect(patient.destroyed).toBe(false);
});

test('a server that closes does not wait for connections without a whole request', async () => {
  const long = 300_000;
  const limits = { headersTimeoutMs: long, requestTimeoutMs: long, inactivityMs: long };
  const { app } = await aServer(limits);
  const [silent, slow] = [await open(app), await open(app)];
  slow.write('GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: ');
  await Promise.all([app.close(), closed(silent), closed(slow)]);
});

test('a connection with a key is closed when its client asks for it', async () => {
  const { app } = await aServer({});
  const known = await open(app);
  const answer = await ask(known, '/calls', `Authorization: Bearer ${KEY}`, 'Connection: close');
  expect(answer).not.toContain('keep-alive');
  await closed(known);
});
