import { generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidTokenError } from '../../src/jwt/verify.ts';
import { type AdmissionDeps, admit } from '../../src/notifications/admission.ts';
import { GraphTokenVerifier } from '../../src/notifications/graph-token.ts';
import { inSeconds, KeysServer, unsigned } from '../jwt/keys-server.ts';

const CLIENT = '22222222-2222-4222-8222-222222222222';
const ISSUERS = ['https://api.botframework.com', 'https://graph.microsoft.com'];
const stranger = await generateKeyPair('RS256');

const server = new KeysServer();
beforeAll(() => server.start());
afterAll(() => server.stop());

function aVerifier(): GraphTokenVerifier {
  server.restore();
  return new GraphTokenVerifier({
    openIdUrl: `${server.url}/openid`,
    issuers: ISSUERS,
    audiences: () => [CLIENT, 'other'],
    fetch: server.fetch,
    timeoutMs: 5_000,
    now: () => Date.now(),
    monotonicNow: () => performance.now(),
  });
}

const usualClaims = () => ({
  iss: String(ISSUERS[0]),
  aud: CLIENT,
  nbf: inSeconds(-60),
  exp: inSeconds(3_600),
});

async function aToken(claims: JWTPayload = {}, header: object = {}) {
  return `Bearer ${await server.sign({ ...usualClaims(), ...claims }, header)}`;
}

describe('a token', () => {
  test('that Graph signed for us is good, and the keys are fetched once', async () => {
    const verifier = aVerifier();
    for (const iss of ISSUERS) expect(await verifier.verify(await aToken({ iss }))).toBe(CLIENT);
    expect(await verifier.verify(await aToken({ aud: ['x', 'other'] }))).toBe('other');
    expect(server.asked).toEqual(['/openid', '/keys']);
  });

  test.each([
    ['of another issuer', () => aToken({ iss: 'https://sts.windows.net/x/' })],
    ['for another audience', () => aToken({ aud: 'another' })],
    ['that has expired', () => aToken({ exp: inSeconds(-400) })],
    ['that never expires', () => aToken({ exp: undefined } as unknown as JWTPayload)],
    ['of the future', () => aToken({ nbf: inSeconds(400) })],
    ['that a stranger signed', () => foreign()],
    ['of a key that is not there', () => aToken({}, { kid: 'k2' })],
    ['that is changed', async () => (await aToken()).replace(/.{8}$/, 'AAAAAAAA')],
    ['that is not signed', async () => `Bearer ${unsigned(usualClaims())}`],
    ['that is none', async () => 'Bearer x.y.z'],
    ['of another scheme', async () => `Basic ${(await aToken()).slice(7)}`],
    ['that is absent', async () => undefined],
  ])('%s is refused', async (_, make) => {
    await expect(aVerifier().verify(await make())).rejects.toBeInstanceOf(InvalidTokenError);
  });

  test('signed with the public key as a secret is refused', async () => {
    const secret = new TextEncoder().encode(JSON.stringify(server.jwk));
    const jwt = new SignJWT(usualClaims()).setProtectedHeader({ alg: 'HS256', kid: 'k1' });
    const token = await jwt.sign(secret);
    await expect(aVerifier().verify(`Bearer ${token}`)).rejects.toBeInstanceOf(InvalidTokenError);
  });
});

describe('notifications are admitted', () => {
  const apps = new Map([
    ['default', { clientId: CLIENT }],
    ['second', { clientId: 'other' }],
  ]);
  const aDoor = (over: Partial<AdmissionDeps> = {}): AdmissionDeps => {
    const verifier = { verify: async (audience = '') => audience };
    return { verifier, apps, defaultApp: 'default', ...over };
  };

  test.each([
    ['for the app that the token is for', 'other', undefined, 'second'],
    ['for the app that is named', 'other', 'second', 'second'],
    ['for the default where the token is for an audience of its own', 'mine', undefined, undefined],
    ['for the one named there', 'mine', 'second', 'second'],
  ])('%s', async (_, audience, named, app) => {
    const visibleApps = app === undefined ? null : new Set([app]);
    expect(await admit(aDoor(), audience, named)).toEqual({ kind: 'admitted', app, visibleApps });
  });

  test('for no app that the token is not for', async () => {
    expect(await admit(aDoor(), 'other', 'default')).toMatchObject({ kind: 'refused' });
    expect(await admit(aDoor(), 'other', 'nobody')).toMatchObject({ kind: 'refused' });
  });

  test('unless the token or the keys say otherwise', async () => {
    const door = aDoor({ verifier: aVerifier() });
    expect(await admit(door, undefined, undefined)).toMatchObject({ kind: 'refused' });
    server.answer = () => ({ status: 500, body: {} });
    expect(await admit(door, await aToken(), undefined)).toMatchObject({ kind: 'unverifiable' });
  });
});

async function foreign(): Promise<string> {
  const jwt = new SignJWT(usualClaims()).setProtectedHeader({ alg: 'RS256', kid: 'k1' });
  return `Bearer ${await jwt.sign(stranger.privateKey)}`;
}
