import { errors, type FlattenedJWSInput } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SigningKeys, SigningKeysError } from '../../src/jwt/signing-keys.ts';
import { KeysServer } from './keys-server.ts';

const server = new KeysServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

let now: number;
let keys: SigningKeys;
beforeEach(async () => {
  await server.rotate('k1');
  server.restore();
  now = 0;
  keys = new SigningKeys({
    openIdUrl: `${server.url}/openid`,
    fetch: server.fetch,
    timeoutMs: 5_000,
    monotonicNow: () => now,
  });
});

const MINUTE = 60_000;
const find = async (kid: string) =>
  keys.find({ alg: 'RS256', kid }, { payload: '', signature: '' } satisfies FlattenedJWSInput);

test('keys are fetched at the first use, once for all callers', async () => {
  await Promise.all([find('k1'), find('k1'), find('k1')]);
  await find('k1');
  expect(server.asked).toEqual(['/openid', '/keys']);
});

test('a new key is found, and a removed one is not', async () => {
  await find('k1');
  await server.rotate('k2');
  now += MINUTE;
  await find('k2');
  expect(server.asked).toEqual(['/openid', '/keys', '/openid', '/keys']);
  await expect(find('k1')).rejects.toBeInstanceOf(errors.JWKSNoMatchingKey);
});

test('a thousand unknown key ids cost one fetch', async () => {
  await find('k1');
  now += MINUTE;
  const guesses = Array.from({ length: 1_000 }, (_, i) => find(`guess-${i}`));
  const results = await Promise.allSettled(guesses);
  for (const result of results) expect(result.status).toBe('rejected');
  await expect(find('another')).rejects.toBeInstanceOf(errors.JWKSNoMatchingKey);
  expect(server.asked).toHaveLength(4);
});

test('while the server is out, known keys stay valid and others cannot be checked', async () => {
  await find('k1');
  server.isOut = true;
  now += MINUTE;
  await expect(find('k2')).rejects.toBeInstanceOf(SigningKeysError);
  await find('k1');
  now += 24 * 60 * MINUTE;
  await find('k1');
  await expect.poll(() => server.asked.filter((path) => path === '/openid').length).toBe(3);
  await find('k1');
});

test('a list without keys does not replace the known ones', async () => {
  await find('k1');
  const usual = server.answer;
  server.answer = (path) => (path === '/keys' ? { body: { keys: [] } } : usual(path));
  now += MINUTE;
  await expect(find('k2')).rejects.toThrow(/lists no RSA key/);
  await find('k1');
});

test('a server that is out is asked again after a while, not by each caller', async () => {
  server.isOut = true;
  for (let i = 0; i < 100; i++) {
    await expect(find('k1')).rejects.toBeInstanceOf(SigningKeysError);
  }
  expect(server.asked).toEqual(['/openid']);
  server.isOut = false;
  await expect(find('k1')).rejects.toBeInstanceOf(SigningKeysError);
  now += 6_000;
  await find('k1');
});

test('keys that are old are fetched again behind the scenes, and one withdrawn ends', async () => {
  await find('k1');
  await server.rotate('k2');
  now += 61 * MINUTE;
  await find('k1');
  await expect.poll(() => server.asked.length).toBe(4);
  await expect.poll(() => find('k2').then(() => 'found')).toBe('found');
  await expect(find('k1')).rejects.toBeInstanceOf(errors.JWKSNoMatchingKey);
});

test.each([
  ['the configuration is not there', '/openid', { status: 404, body: {} }],
  ['the configuration redirects', '/openid', { status: 302, body: {}, location: '/keys' }],
  ['the configuration names no keys', '/openid', { body: {} }],
  ['the keys would come in the clear', '/openid', { body: { jwks_uri: 'http://127.0.0.1:1/' } }],
  ['the keys are not there', '/keys', { status: 500, body: {} }],
  ['the keys redirect', '/keys', { status: 302, body: {}, location: '/openid' }],
  ['the keys are not a list', '/keys', { body: { keys: 'none' } }],
])('if %s, keys are unavailable until they come', async (_, path, answer) => {
  const usual = server.answer;
  server.answer = (asked) => (asked === path ? answer : usual(asked));
  await expect(find('k1')).rejects.toBeInstanceOf(SigningKeysError);
  server.answer = usual;
  now += MINUTE;
  await find('k1');
});

test.each(['plain', 'gzip'] as const)(
  'an endless answer (%s) is read up to a limit, and keys are unavailable until a good one',
  async (how) => {
    server.isEndless = how;
    await expect(find('k1')).rejects.toThrow(/openid answers with over \d+ bytes/);
    server.isEndless = false;
    now += MINUTE;
    await find('k1');
    server.isEndless = how;
    await server.rotate('k2');
    now += MINUTE;
    await expect(find('k2')).rejects.toBeInstanceOf(SigningKeysError);
    await find('k1');
  },
);

test('an answer of the largest allowed size is accepted', async () => {
  const usual = server.answer;
  const padding = { note: 'x'.repeat(200 * 1024) };
  server.answer = (path) => ({ body: { ...(usual(path).body as object), ...padding } });
  await find('k1');
});
