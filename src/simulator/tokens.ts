import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

/** A token that the simulated Entra issued. `expiresAt` is epoch ms. */
export interface IssuedToken {
  readonly clientId: string;
  readonly tenantId: string;
  readonly expiresAt: number;
  /** The claims of the token request, as JSON, or null. */
  readonly claims: string | null;
  /** Its audience; Graph by default. Graph accepts no other. */
  readonly audience?: string;
}

const GRAPH = 'https://graph.microsoft.com';

/**
 * The object id of an app's service principal: the hex digits of its client id in reverse order.
 */
export function objectIdOf(clientId: string): string {
  return [...clientId.replaceAll('-', '')]
    .reverse()
    .join('')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The valid tokens of the simulated Graph. */
export class Tokens {
  readonly #now: () => number;
  readonly #issued = new Map<string, IssuedToken>();
  #roles: readonly string[];
  #requiredClaims: string | null = null;

  /** @param roles application permissions that every app has been granted */
  constructor(roles: readonly string[], now: () => number) {
    this.#roles = roles;
    this.#now = now;
  }

  /** Sets the roles in tokens from now on. The simulated Graph does not check them. */
  grant(roles: readonly string[]): void {
    this.#roles = roles;
  }

  issue(token: IssuedToken): string {
    const now = this.#now();
    for (const [text, old] of this.#issued) if (old.expiresAt <= now) this.#issued.delete(text);
    const text = encode(token, this.#roles);
    if (token.audience === undefined || isGraph(token.audience)) this.#issued.set(text, token);
    return text;
  }

  /** The token of an `Authorization` header; null if it is not valid. */
  check(authorization: string | undefined): IssuedToken | null {
    if (authorization === undefined || !authorization.startsWith('Bearer ')) return null;
    const token = this.#issued.get(authorization.slice('Bearer '.length));
    if (token === undefined || token.expiresAt <= this.#now()) return null;
    return this.#meetsClaims(token) ? token : null;
  }

  /**
   * Revokes every token. With `claims` (JSON), from then on only tokens that were requested with
   * these are valid: a claims challenge.
   */
  revoke(claims: string | null = null): void {
    this.#issued.clear();
    this.#requiredClaims = claims;
  }

  /** The `WWW-Authenticate` of a 401. */
  get challenge(): string {
    const plain = 'Bearer realm="", authorization_uri="https://localhost/common/oauth2/authorize"';
    if (this.#requiredClaims === null) return `${plain}, error="invalid_token"`;
    const claims = Buffer.from(this.#requiredClaims).toString('base64');
    return `${plain}, error="insufficient_claims", claims="${claims}"`;
  }

  /** Compares only the claims of the access token, because MSAL adds others to a challenge. */
  #meetsClaims(token: IssuedToken): boolean {
    if (this.#requiredClaims === null) return true;
    const [had, wanted] = [token.claims ?? '{}', this.#requiredClaims].map((text) =>
      JSON.parse(text),
    );
    return isDeepStrictEqual(had.access_token, wanted.access_token);
  }
}

/**
 * Has the form of Entra's tokens for Graph (version 1). Only Graph would check it.
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
function encode(token: IssuedToken, roles: readonly string[]): string {
  const { clientId, tenantId, expiresAt, audience: aud = GRAPH } = token;
  const header = { typ: 'JWT', alg: 'RS256', kid: 'simulated' };
  const exp = Math.floor(expiresAt / 1000);
  const oid = objectIdOf(clientId);
  const claims = { aud, appid: clientId, oid, tid: tenantId, roles, exp, uti: randomUUID() };
  const parts = [JSON.stringify(header), JSON.stringify(claims), 'simulated'];
  return parts.map((part) => Buffer.from(part).toString('base64url')).join('.');
}

/** Each cloud has a Graph of its own. */
function isGraph(audience: string): boolean {
  return audience.includes('graph');
}
