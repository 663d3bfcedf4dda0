import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

/** A token that the simulated Entra issued. `expiresAt` is epoch ms. */
export interface IssuedToken {
  readonly clientId: string;
  readonly tenantId: string;
  readonly expiresAt: number;
  /** The claims it was asked for with, as JSON, or null. */
  readonly claims: string | null;
}

/** The tokens that are good at the simulated Graph. */
export class Tokens {
  readonly #now: () => number;
  readonly #issued = new Map<string, IssuedToken>();
  #requiredClaims: string | null = null;

  constructor(now: () => number) {
    this.#now = now;
  }

  issue(token: IssuedToken): string {
    const now = this.#now();
    for (const [text, old] of this.#issued) if (old.expiresAt <= now) this.#issued.delete(text);
    const text = `simulated.${randomUUID()}`;
    this.#issued.set(text, token);
    return text;
  }

  /** The token of an `Authorization` header, or null where it is not good (any more). */
  check(authorization: string | undefined): IssuedToken | null {
    if (authorization === undefined || !authorization.startsWith('Bearer ')) return null;
    const token = this.#issued.get(authorization.slice('Bearer '.length));
    if (token === undefined || token.expiresAt <= this.#now()) return null;
    return this.#meetsClaims(token) ? token : null;
  }

  /**
   * Revokes every token. With `claims` (JSON) tokens are good from then on
   * only if they were asked for with these: a claims challenge.
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

  /** Only the access token's claims count: MSAL adds others to a challenge by itself. */
  #meetsClaims(token: IssuedToken): boolean {
    if (this.#requiredClaims === null) return true;
    const [had, wanted] = [token.claims ?? '{}', this.#requiredClaims].map((text) =>
      JSON.parse(text),
    );
    return isDeepStrictEqual(had.access_token, wanted.access_token);
  }
}
