import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AdmissionDeps, admit } from '../../src/notifications/admission.ts';
import {
  GraphKeysError,
  GraphTokenError,
  GraphTokenVerifier,
} from '../../src/notifications/graph-token.ts';
import { createServerIdentity } from '../../src/simulator/certificate.ts';

const CLIENT = '22222222-2222-4222-8222-222222222222';
const ISSUERS = ['https://api.botframework.com', 'https://graph.microsoft.com'];
const { privateKey, publicKey } = await generateKeyPair('RS256');
const stranger = await generateKeyPair('RS256');

/** In Microsoft's place, over HTTPS: the OpenID configuration and the keys. */
class KeysServer {
  readonly asked: string[] = [];
  answer: (path: string) => { status?: number; body: unknown; location?: string } = (path) => ({
    body: path === '/keys' ? { keys: [this.jwk] } : { jwks_uri: `${this.url}/keys` },
  });
  jwk: object = {};
  url = '';
  #agent: Agent | null = null;
  #server = createSecureServer();

  async start(): Promise<void> {
    const { ca, certificate, key } = await createServerIdentity();
    this.jwk = { ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig', alg: 'RS256' };
    this.#agent = new Agent({ connect: { ca } });
    this.#server.setSecureContext({ cert: certificate, key });
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const path = request.url ?? '';
      this.asked.push(path);
      const { status = 200, body, location } = this.answer(path);
      response.writeHead(status, {
        'content-type': 'application/json',
        ...(location && { location }),
      });
      response.end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const options = { ...init, dispatcher: this.#agent } as Parameters<typeof undiciFetch>[1];
    return (await undiciFetch(url, options)) as unknown as Response;
  };

  async stop(): Promise<void> {
    await this.#agent?.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const server = new KeysServer();
const usual = server.answer;
beforeAll(() => server.start());
afterAll(() => server.stop());

function aVerifier(): GraphTokenVerifier {
  server.answer = usual;
  server.asked.length = 0;
  return new GraphTokenVerifier({
    openIdUrl: `${server.url}/openid`,
    issuers: ISSUERS,
    audiences: () => [CLIENT, 'other'],
    fetch: server.fetch,
    timeoutMs: 5_000,
  });
}

const now = () => Math.floor(Date.now() / 1_000);

async function aToken(claims: JWTPayload = {}, header: object = {}, key = privateKey) {
  const usualClaims = { iss: String(ISSUERS[0]), aud: CLIENT, nbf: now() - 60, exp: now() + 3_600 };
  const jwt = new SignJWT({ ...usualClaims, ...claims });
  return `Bearer ${await jwt.setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header }).sign(key)}`;
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
    ['that has expired', () => aToken({ exp: now() - 400 })],
    ['that never expires', () => aToken({ exp: undefined } as unknown as JWTPayload)],
    ['of the future', () => aToken({ nbf: now() + 400 })],
    ['that a stranger signed', () => aToken({}, {}, stranger.privateKey)],
    ['of a key that is not there', () => aToken({}, { kid: 'k2' })],
    ['that is changed', async () => (await aToken()).replace(/.{8}$/, 'AAAAAAAA')],
    ['that is not signed', async () => `Bearer ${unsigned()}`],
    ['that is none', async () => 'Bearer x.y.z'],
    ['of another scheme', async () => `Basic ${(await aToken()).slice(7)}`],
    ['that is absent', async () => undefined],
  ])('%s is refused', async (_, make) => {
    await expect(aVerifier().verify(await make())).rejects.toBeInstanceOf(GraphTokenError);
  });

  test('signed with the public key as a secret is refused', async () => {
    const secret = new TextEncoder().encode(JSON.stringify(server.jwk));
    const claims = { iss: String(ISSUERS[0]), aud: CLIENT, exp: now() + 60 };
    const jwt = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'k1' });
    const token = await jwt.sign(secret);
    await expect(aVerifier().verify(`Bearer ${token}`)).rejects.toBeInstanceOf(GraphTokenError);
  });
});

test.each([
  ['the configuration is not there', '/openid', { status: 404, body: {} }],
  ['the configuration redirects', '/openid', { status: 302, body: {}, location: '/keys' }],
  ['the configuration names no keys', '/openid', { body: {} }],
  ['the keys would come in the clear', '/openid', { body: { jwks_uri: 'http://127.0.0.1:1/' } }],
  ['the keys are not there', '/keys', { status: 500, body: {} }],
  ['the keys redirect', '/keys', { status: 302, body: {}, location: '/openid' }],
  ['the keys are none', '/keys', { body: { keys: 'none' } }],
])(
  'where %s nobody can say whether a token is good, until they are there',
  async (_, path, answer) => {
    const verifier = aVerifier();
    server.answer = (asked) => (asked === path ? answer : usual(asked));
    await expect(verifier.verify(await aToken())).rejects.toBeInstanceOf(GraphKeysError);
    server.answer = usual;
    expect(await verifier.verify(await aToken())).toBe(CLIENT);
  },
);

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
    expect(await admit(aDoor(), audience, named)).toEqual({ kind: 'admitted', app });
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

function unsigned(): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'none' })}.${encode({ iss: ISSUERS[0], aud: CLIENT, exp: now() + 60 })}.`;
}
