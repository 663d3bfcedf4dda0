import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { Agent, fetch as undiciFetch } from 'undici';
import { createServerIdentity } from '../../src/simulator/certificate.ts';

interface KeysAnswer {
  readonly status?: number;
  readonly body: unknown;
  readonly location?: string;
}

const BLANKS = Buffer.alloc(64 * 1024, ' ');
/** A reader that accepts all of this has no limit. */
const MOST_POURED = 256 * 1024 * 1024;

export const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

/**
 * Stands in for Microsoft over HTTPS: an OpenID configuration at any path, and the keys at `/keys`.
 */
export class KeysServer {
  readonly asked: string[] = [];
  answer: (path: string) => KeysAnswer = () => ({ body: {} });
  /** Resets connections. */
  isOut = false;
  /** Sends an endless answer after JSON that is valid so far; gzip makes it small. */
  isEndless: false | 'plain' | 'gzip' = false;
  jwk: object = {};
  url = '';
  #privateKey: CryptoKey | null = null;
  #agent: Agent | null = null;
  readonly #server = createServer();

  async start(): Promise<void> {
    const { ca, certificate, key } = await createServerIdentity();
    await this.rotate('k1');
    this.restore();
    this.#agent = new Agent({ connect: { ca } });
    this.#server.setSecureContext({ cert: certificate, key });
    this.#server.on('request', (request, response) => this.#serve(request, response));
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Replaces the key by another one with this name. */
  async rotate(kid: string): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair('RS256');
    this.#privateKey = privateKey;
    this.jwk = { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256' };
  }

  /** As at the start. */
  restore(): void {
    this.isOut = false;
    this.isEndless = false;
    this.asked.length = 0;
    this.answer = (path) => ({
      body: path === '/keys' ? { keys: [this.jwk] } : { jwks_uri: `${this.url}/keys` },
    });
  }

  /** Signs the claims unchanged. */
  sign(claims: JWTPayload, header: object = {}): Promise<string> {
    if (this.#privateKey === null) throw new Error('the server has not started');
    const { kid } = this.jwk as { kid: string };
    const jwt = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, ...header });
    return jwt.sign(this.#privateKey);
  }

  fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const options = { ...init, dispatcher: this.#agent } as Parameters<typeof undiciFetch>[1];
    return (await undiciFetch(url, options)) as unknown as Response;
  };

  async stop(): Promise<void> {
    await this.#agent?.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pour(response: ServerResponse, how: 'plain' | 'gzip'): Promise<void> {
    const isGzip = how === 'gzip';
    response.writeHead(200, isGzip ? { 'content-encoding': 'gzip' } : {});
    const json = Readable.from(Array.from({ length: MOST_POURED / BLANKS.length }, () => BLANKS));
    const through = isGzip ? [createGzip()] : [];
    await pipeline([json, ...through, response]).catch(() => undefined); // the reader hung up
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    this.asked.push(path);
    if (this.isOut) return void response.destroy();
    const { status = 200, body, location } = this.answer(path);
    if (this.isEndless !== false) return void this.#pour(response, this.isEndless);
    const headers = { 'content-type': 'application/json', ...(location && { location }) };
    response.writeHead(status, headers).end(JSON.stringify(body));
  }
}

/** A token without a signature. */
export function unsigned(claims: JWTPayload): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.`;
}
