import { expect, test } from 'vitest';
import { anApp, ID, identifyBy } from './fixture.ts';

const KEY = 'correct-horse-battery-staple';
const PROXIES = ['127.0.0.1', '10.0.0.1', '10.0.0.2'];
const trustsProxy = (address: string) => PROXIES.includes(address);

/** The client in the audit line of a request with this header. */
async function clientOf(forwarded: string, trusts = trustsProxy): Promise<string> {
  const { app, logged } = await anApp({ trustsProxy: trusts, level: 'info' });
  const headers = { 'x-forwarded-for': forwarded };
  await app.inject({ method: 'POST', url: `/calls/${ID}/track`, headers });
  const line = logged.map((one) => JSON.parse(one)).find(({ audit }) => audit);
  return line.address;
}

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8::7', '2001:db8::7'],
  // What the client itself has sent stands before its address.
  ['203.0.113.1, 192.0.2.7', '192.0.2.7'],
  ['192.0.2.7, 10.0.0.1,10.0.0.2', '192.0.2.7'],
  ['10.0.0.1', '10.0.0.1'],
  // With the client's port, as Azure's Application Gateway adds it.
  ['192.0.2.7:51234', '192.0.2.7'],
  ['[2001:db8::7]:51234', '2001:db8::7'],
  ['unknown', '127.0.0.1'],
  ['192.0.2.7, <script>', '127.0.0.1'],
  ['192.0.2.7, , 10.0.0.1', '10.0.0.1'],
  [`192.0.2.7, ${'x'.repeat(1_000)}`, '127.0.0.1'],
  ['', '127.0.0.1'],
])('behind trusted proxies, %j comes from %s', async (forwarded, client) => {
  expect(await clientOf(forwarded)).toBe(client);
});

test('nobody is believed by default', async () => {
  expect(await clientOf('192.0.2.7', () => false)).toBe('127.0.0.1');
});

test('a forwarded host is not believed from anybody', async () => {
  const { app } = await anApp({ trustsProxy, loopbackOnly: true });
  const headers = { host: 'evil.example', 'x-forwarded-host': 'localhost' };
  expect((await app.inject({ url: '/calls', headers })).statusCode).toBe(403);
});

test('who has no key is limited by the client behind the proxy', async () => {
  const { app } = await anApp({
    trustsProxy,
    identify: identifyBy({ apiKeys: [KEY] }),
    rateLimit: { max: 2, windowMs: 60_000 },
  });
  const statusFor = async (client: string) => {
    const headers = { 'x-forwarded-for': client, authorization: 'Bearer a-guess' };
    return (await app.inject({ url: '/calls', headers })).statusCode;
  };
  for (const status of [401, 401, 429]) expect(await statusFor('192.0.2.7')).toBe(status);
  expect(await statusFor('192.0.2.8')).toBe(401);
  // The addresses of an IPv6 /64 are one customer's.
  for (const [i, status] of [401, 401, 429].entries()) {
    expect(await statusFor(`2001:db8::${i}`)).toBe(status);
  }
});
