import { expect, test } from 'vitest';
import { SECURITY_HEADERS } from '../../src/http/security-headers.ts';
import { EventClient } from './event-client.ts';
import { anApp, converse, ID, identifyBy, parseAnswer } from './fixture.ts';

const KEY = 'correct-horse-battery-staple';
const headers = { authorization: `Bearer ${KEY}` };

test('the headers forbid loading, framing and sniffing, and leave HSTS to the TLS proxy', () => {
  expect(SECURITY_HEADERS).toMatchObject({
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
  expect(SECURITY_HEADERS).not.toHaveProperty('strict-transport-security');
});

test.each([
  ['an answer', 'GET', '/calls', headers, 200],
  ['one that is empty', 'DELETE', `/calls/${ID}/track`, headers, 204],
  ['the open routes', 'GET', '/metrics', {}, 200],
  ['who is not let in', 'GET', '/calls', {}, 401],
  ['a path that is not there', 'GET', '/no-such-route', headers, 404],
  ['a method that is not', 'PUT', '/calls', headers, 405],
  ['a bad request', 'GET', '/calls?limit=x', headers, 400],
  ['a path that is malformed', 'GET', '/calls/%ff', headers, 400],
] as const)('%s has them', async (_, method, url, sent, status) => {
  const { app } = await anApp({ identify: identifyBy({ apiKeys: [KEY] }) });
  const answer = await app.inject({ method, url, headers: sent });
  expect(answer.statusCode).toBe(status);
  expect(answer.headers).toMatchObject(SECURITY_HEADERS);
});

test('a stream of events has them', async () => {
  const { app } = await anApp();
  const client = await EventClient.open(`${await app.listen({ port: 0 })}/events`);
  expect(Object.fromEntries(client.response.headers)).toMatchObject(SECURITY_HEADERS);
  client.close();
});

test('the answer to bytes that are not HTTP has them', async () => {
  const { app } = await anApp();
  const { status, headers: answered } = parseAnswer(await converse(app, 'no HTTP\r\n\r\n'));
  expect(status).toBe(400);
  expect(answered).toMatchObject(SECURITY_HEADERS);
});

test('the page of the document has its own policy, and the other headers', async () => {
  const { app } = await anApp();
  for (const url of ['/docs', '/docs/static/swagger-ui.css']) {
    const { 'content-security-policy': policy, ...others } = (await app.inject(url)).headers;
    expect(policy).toContain("script-src 'self'");
    const { 'content-security-policy': _, ...rest } = SECURITY_HEADERS;
    expect(others).toMatchObject(rest);
  }
});
