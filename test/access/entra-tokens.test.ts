import {
  type CryptoKey,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWTPayload,
  SignJWT,
} from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EntraTokens } from '../../src/access/entra-tokens.ts';
import type { IdentifyResult, Principal } from '../../src/calls/principal.ts';
import { inSeconds, KeysServer, unsigned } from '../jwt/keys-server.ts';

const TENANT = '11111111-1111-4111-8111-111111111111';
const ANOTHER = '99999999-9999-4999-8999-999999999999';
const API = '33333333-3333-4333-8333-333333333333';
const CLIENT = '22222222-2222-4222-8222-222222222222';
const USER = '44444444-4444-4444-8444-444444444444';
const V1 = `https://sts.windows.net/${TENANT}/`;
const V2 = `https://login.microsoftonline.com/${TENANT}/v2.0`;
const MINUTE = 60_000;

const server = new KeysServer();
const elsewhere = new KeysServer();
beforeAll(async () => {
  await server.start();
  await elsewhere.start();
});
afterAll(async () => {
  await server.stop();
  await elsewhere.stop();
});

let later: number;
/** The monotonic clock, in ms. */
let elapsed: number;
let tokens: EntraTokens;
beforeEach(async () => {
  await server.rotate('k1');
  server.restore();
  later = 0;
  elapsed = 0;
  tokens = new EntraTokens({
    tenants: new Map([[TENANT, { openIdUrl: `${server.url}/${TENANT}`, issuers: [V1, V2] }]]),
    audiences: [API, `api://${API}`],
    fetch: server.fetch,
    timeoutMs: 5_000,
    now: () => Date.now() + later,
    monotonicNow: () => elapsed,
  });
});

const usual = () => ({
  iss: V2,
  aud: API,
  tid: TENANT,
  azp: CLIENT,
  oid: USER,
  roles: ['Callkeeper.Track'],
  nbf: inSeconds(-60),
  exp: inSeconds(3_600),
});

const aToken = (claims: JWTPayload = {}, header: object = {}) =>
  server.sign({ ...usual(), ...claims }, header);

async function known(token: string): Promise<Principal> {
  const identity = await tokens.identify(token);
  if (identity.kind !== 'known') throw new Error(JSON.stringify(identity));
  return identity.principal;
}

describe('a token is accepted', () => {
  test('of version 2, and its client is named', async () => {
    expect(await known(await aToken())).toMatchObject({
      name: `entra:${CLIENT}`,
      scopes: new Set(['track']),
      visibleApps: null,
    });
  });

  test('of version 1', async () => {
    const v1 = { iss: V1, aud: `api://${API}`, azp: undefined, appid: CLIENT };
    expect((await known(await aToken(v1))).name).toBe(`entra:${CLIENT}`);
  });

  test('of a user, who is named too', async () => {
    const token = await aToken({ scp: 'access_as_user' });
    expect((await known(token)).name).toBe(`entra:${CLIENT}:${USER}`);
  });

  test.each([
    [['Callkeeper.Read'], ['read']],
    [
      ['Callkeeper.Track', 'Callkeeper.Read'],
      ['read', 'track'],
    ],
    [['Callkeeper.Admin'], ['admin']],
    [['callkeeper.admin', 'Admin', 'Calls.Initiate.All', 7], []],
    [[], []],
    ['Callkeeper.Admin', []],
    [undefined, []],
  ])('with the roles %j for the scopes %j', async (roles, scopes) => {
    expect((await known(await aToken({ roles }))).scopes).toEqual(new Set(scopes));
  });

  test('until it expires, which also ends its open streams', async () => {
    const principal = await known(await aToken());
    expect(principal.stillHolds()).toBe(true);
    later = 66 * MINUTE;
    expect(principal.stillHolds()).toBe(false);
  });

  test('by keys that the server fetches once', async () => {
    for (let i = 0; i < 3; i++) await known(await aToken());
    expect(server.asked).toEqual([`/${TENANT}`, '/keys']);
  });
});

const reasonOf = (identity: IdentifyResult) =>
  'reason' in identity ? [identity.kind, identity.reason] : [identity.kind];

describe('a token is refused', () => {
  test.each<[string, () => string | Promise<string>, string]>([
    [
      'that has expired',
      () => aToken({ exp: inSeconds(-400) }),
      '"exp" claim timestamp check failed',
    ],
    [
      'that never expires',
      () => aToken({ exp: undefined } as unknown as JWTPayload),
      'missing required "exp" claim',
    ],
    ['of the future', () => aToken({ nbf: inSeconds(400) }), '"nbf" claim timestamp check failed'],
    ['for another audience', () => aToken({ aud: CLIENT }), 'unexpected "aud" claim value'],
    [
      'for Graph',
      () => aToken({ aud: 'https://graph.microsoft.com' }),
      'unexpected "aud" claim value',
    ],
    [
      'of another issuer',
      () => aToken({ iss: 'https://evil.example/' }),
      'unexpected "iss" claim value',
    ],
    [
      "with another tenant's issuer",
      () => aToken({ iss: V2.replace(TENANT, ANOTHER) }),
      'unexpected "iss" claim value',
    ],
    ['of another tenant', () => aToken({ tid: ANOTHER }), 'this server does not accept its tenant'],
    ['of no tenant', () => aToken({ tid: undefined }), 'this server does not accept its tenant'],
    ['of no client', () => aToken({ azp: undefined }), 'it does not say who it was issued to'],
    [
      'of a client that is no name',
      () => aToken({ azp: 'a\nb' }),
      'it does not say who it was issued to',
    ],
    [
      'of a key that is not there',
      () => aToken({}, { kid: 'k2' }),
      'no applicable key found in the JSON Web Key Set',
    ],
    ['that a stranger signed', () => elsewhere.sign(usual()), 'signature verification failed'],
    [
      'that is changed',
      async () => (await aToken()).replace(/.{8}$/, 'AAAAAAAA'),
      'signature verification failed',
    ],
    [
      'that is not signed',
      () => unsigned(usual()),
      '"alg" (Algorithm) Header Parameter value not allowed',
    ],
    [
      'of another algorithm, by a key of Entra',
      () => byAnotherAlgorithm(),
      '"alg" (Algorithm) Header Parameter value not allowed',
    ],
    [
      'with the public key for a secret',
      () => byPublicKey(),
      '"alg" (Algorithm) Header Parameter value not allowed',
    ],
    ['that is none', () => 'x.y.z', 'it cannot be read'],
    [
      'of an array',
      () => `e30.${Buffer.from('[]').toString('base64url')}.e30`,
      'it cannot be read',
    ],
  ])('%s', async (_, make, reason) => {
    expect(reasonOf(await tokens.identify(await make()))).toEqual([
      'unknown',
      `the token is refused: ${reason}`,
    ]);
  });

  test('and the reason repeats no part of it', async () => {
    const aud = 'secret-in-a-claim';
    const told = JSON.stringify(await tokens.identify(await aToken({ aud, tid: TENANT })));
    expect(told).not.toContain(aud);
  });
});

describe('while Entra does not serve its keys', () => {
  test('no token can be checked; afterwards they can, even if the clock was set back', async () => {
    server.isOut = true;
    expect((await tokens.identify(await aToken())).kind).toBe('unverifiable');
    server.isOut = false;
    elapsed = 6_000;
    later = -4 * MINUTE;
    expect((await tokens.identify(await aToken())).kind).toBe('known');
  });

  test('tokens signed by a known key are accepted; others cannot be checked', async () => {
    const before = await aToken();
    await known(before);
    server.isOut = true;
    elapsed = MINUTE;
    await known(before);
    await server.rotate('k2');
    expect((await tokens.identify(await aToken())).kind).toBe('unverifiable');
    await known(before);
  });

  test('a token of another tenant fetches no keys', async () => {
    await tokens.identify(await aToken({ tid: ANOTHER }));
    expect(server.asked).toEqual([]);
  });
});

async function byAnotherAlgorithm(): Promise<string> {
  const { privateKey } = await generateKeyPair('PS256');
  return new SignJWT(usual()).setProtectedHeader({ alg: 'PS256', kid: 'k1' }).sign(privateKey);
}

/** The attack on those who let the token say how it is to be checked. */
async function byPublicKey(): Promise<string> {
  const key = await importJWK(server.jwk, 'RS256', { extractable: true });
  const secret = new TextEncoder().encode(await exportSPKI(key as CryptoKey));
  return new SignJWT(usual()).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret);
}
