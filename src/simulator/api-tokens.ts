import { generateKeyPair, type KeyObject, randomUUID, sign } from 'node:crypto';
import { promisify } from 'node:util';

export interface ApiTokenRequest {
  /** With the tenant's id, and no slash at its end. */
  readonly tenant: string;
  readonly tenantId: string;
  readonly clientId: string;
  /** The API's application id URI, or its client id. */
  readonly resource: string;
  readonly roles: readonly string[];
  /** epoch ms */
  readonly now: number;
  readonly lifetimeMs: number;
}

/**
 * Access tokens for APIs other than Graph, as Entra signs them for apps, in version 2.
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
export class ApiTokens {
  readonly #kid = randomUUID();
  #keys: Promise<{ publicKey: KeyObject; privateKey: KeyObject }> | null = null;

  async issue(request: ApiTokenRequest): Promise<string> {
    const { tenant, tenantId, clientId, resource, roles, now, lifetimeMs } = request;
    const at = Math.floor(now / 1000);
    const header = { typ: 'JWT', alg: 'RS256', kid: this.#kid };
    const claims = {
      iss: `${tenant}/v2.0`,
      aud: resource.replace(/^api:\/\//, ''),
      tid: tenantId,
      azp: clientId,
      oid: clientId,
      sub: clientId,
      roles,
      ver: '2.0',
      iat: at,
      nbf: at,
      exp: at + Math.floor(lifetimeMs / 1000),
    };
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
    const signed = `${encode(header)}.${encode(claims)}`;
    const { privateKey } = await this.#pair();
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
  }

  /** The keys at `jwks_uri`. */
  async jwks(): Promise<object> {
    const { publicKey } = await this.#pair();
    const jwk = publicKey.export({ format: 'jwk' });
    return { keys: [{ ...jwk, kid: this.#kid, use: 'sig' }] };
  }

  #pair() {
    this.#keys ??= promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
    return this.#keys;
  }
}
