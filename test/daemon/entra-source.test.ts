import { expect, test } from 'vitest';
import { EntraSource } from '../../src/daemon/entra-source.ts';
import { makeToken } from '../redis/entra-tokens.ts';

const OID = '55555555-5555-4555-8555-555555555555';

function aSource(token: string, username?: string): EntraSource {
  const cache = { get: async () => token, leftMs: 1_000, replace: async () => null };
  return new EntraSource(cache, username);
}

test("the user of Redis is the token's oid, or the one in REDIS_URL", async () => {
  const token = makeToken(OID, Date.now() + 1_000);
  expect(await aSource(token).get()).toEqual({ username: OID, password: token });
  expect(await aSource(token, 'set').get()).toEqual({ username: 'set', password: token });
  expect(await aSource('opaque', 'set').get()).toEqual({ username: 'set', password: 'opaque' });
});

test.each(['opaque', 'a.b.c', `e30.${Buffer.from('null').toString('base64url')}.`, 'e30.e30.'])(
  'a token without an oid needs a user in REDIS_URL: %s',
  async (token) => {
    await expect(aSource(token).get()).rejects.toThrow(
      'the token has no oid; put the object id of its identity into REDIS_URL',
    );
  },
);
