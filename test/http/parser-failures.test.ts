import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { type ProblemName, problemType } from '../../src/http/problems.ts';
import { anApp, converse, ID, parseAnswer } from './fixture.ts';

const HEAD = `POST /calls/${ID}/track HTTP/1.1\r\nHost: a\r\n`;
const KIB = 1024;

const BAD_BYTES: [string, string, number, ProblemName][] = [
  ['no HTTP', 'hello\r\n\r\n', 400, 'malformed-request'],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00', 400, 'malformed-request'],
  ['a header without a colon', `${HEAD}Nonsense\r\n\r\n`, 400, 'malformed-request'],
  ['a space before a colon', `${HEAD}X-A : b\r\n\r\n`, 400, 'malformed-request'],
  ['a bare CR in a header', `${HEAD}X-A: b\rX-B: c\r\n\r\n`, 400, 'malformed-request'],
  [
    'two lengths',
    `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    400,
    'malformed-request',
  ],
  [
    'a length and chunks',
    `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'malformed-request',
  ],
  ['a negative length', `${HEAD}Content-Length: -1\r\n\r\n`, 400, 'malformed-request'],
  ['no Host', 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'malformed-request'],
  ['an endless query', `GET /calls?label=${'a'.repeat(64 * KIB)}`, 431, 'headers-too-large'],
  ['one endless header', `${HEAD}X-A: ${'a'.repeat(64 * KIB)}`, 431, 'headers-too-large'],
  ['headers without end', HEAD + 'X-A: b\r\n'.repeat(8 * KIB), 431, 'headers-too-large'],
  ['an endless path', `GET /calls/${'a'.repeat(64 * KIB)}`, 431, 'headers-too-large'],
];

test.each(BAD_BYTES)('%s is answered with a problem and cut', async (_, bytes, status, name) => {
  const { app, calls } = await anApp();
  const answer = parseAnswer(await converse(app, Buffer.from(bytes, 'latin1')));
  expect(answer.status).toBe(status);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': String(answer.body.length),
    connection: 'close',
  });
  expect(JSON.parse(answer.body)).toMatchObject({ status, type: problemType(name) });
  expect(calls.asked).toEqual([]);
});

test('an unknown expectation is ignored', async () => {
  const { app } = await anApp();
  const bytes = 'GET /livez HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\n\r\n';
  expect(parseAnswer(await converse(app, bytes)).status).toBe(200);
});

const QUICK = { headersTimeoutMs: 100, requestTimeoutMs: 200, checkEveryMs: 20 };

test.each([
  ['headers that do not come', HEAD],
  [
    'a body that does not come',
    `${HEAD}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
  ],
])('%s are waited for only so long', async (_, bytes) => {
  const { app, calls } = await anApp({ limits: QUICK });
  const answer = parseAnswer(await converse(app, bytes));
  expect(answer.status).toBe(408);
  expect(JSON.parse(answer.body).type).toBe(problemType('request-timeout'));
  expect(calls.asked).toEqual([]);
});

test('a connection on which nothing moves is cut', async () => {
  const { app } = await anApp({ limits: { inactivityMs: 100 } });
  expect(await converse(app)).toBe('');
});

test('a body of 5 MB is refused without being read', async () => {
  const { app, calls } = await anApp();
  const length = 5 * KIB * KIB;
  const head = `${HEAD}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  const answer = parseAnswer(await converse(app, head));
  expect(answer.status).toBe(413);
  expect(JSON.parse(answer.body).type).toBe(problemType('body-too-large'));
  expect(calls.asked).toEqual([]);
});

test('a body of 5 MB in chunks is refused when it has grown too large', async () => {
  const { app, calls } = await anApp();
  const head = `${HEAD}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const chunk = `${(32 * KIB).toString(16)}\r\n${' '.repeat(32 * KIB)}\r\n`;
  const answer = parseAnswer(await converse(app, head, ...Array(3).fill(chunk)));
  expect(answer.status).toBe(413);
  expect(calls.asked).toEqual([]);
});

test('a client that goes away in the middle of its request harms nobody', async () => {
  const { app, calls, logged } = await anApp({ level: 'warn' });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  const [[served]] = await Promise.all([once(app.server, 'connection'), once(socket, 'connect')]);
  socket.write(`${HEAD}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{`);
  await once(app.server, 'request');
  const closed = new Promise((resolve) => served.on('close', resolve));
  socket.resetAndDestroy();
  await closed;
  expect(calls.asked).toEqual([]);
  expect(logged).toEqual([]);
  expect((await app.inject('/livez')).statusCode).toBe(200);
});
