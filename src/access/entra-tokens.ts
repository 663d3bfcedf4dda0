import { decodeJwt, type JWTPayload } from 'jose';
import type { IdentifyResult, Principal, Scope } from '../calls/principal.ts';
import { SigningKeys, SigningKeysError, type SigningKeysOptions } from '../jwt/signing-keys.ts';
import { InvalidTokenError, SKEW_S, verifyToken } from '../jwt/verify.ts';

export interface EntraTokensOptions extends Omit<SigningKeysOptions, 'openIdUrl'> {
  /** By the tenant's id, in lower case. */
  readonly tenants: ReadonlyMap<string, EntraTenant>;
  /** The accepted audiences: the API's client id (v2 tokens) or application id URI (v1). */
  readonly audiences: readonly string[];
  /** epoch ms */
  readonly now: () => number;
}

export interface EntraTenant {
  readonly openIdUrl: string;
  /** The issuers of tokens of versions 1 and 2. */
  readonly issuers: readonly string[];
}

/** App roles, as the app registration of this API defines them. */
const ROLES: Readonly<Record<string, Scope>> = {
  'Callkeeper.Read': 'read',
  'Callkeeper.Track': 'track',
  'Callkeeper.Admin': 'admin',
};

/**
 * https://www.rfc-editor.org/rfc/rfc7515#section-7.1. A key may have this form too, so keys are
 * tried first.
 */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/**
 * Identifies clients by the access tokens that Entra issued for this API.
 * https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
 */
export class EntraTokens {
  readonly #options: EntraTokensOptions;
  readonly #keys: ReadonlyMap<string, SigningKeys>;

  constructor(options: EntraTokensOptions) {
    this.#options = options;
    const { fetch, timeoutMs, monotonicNow } = options;
    this.#keys = new Map(
      [...options.tenants].map(([id, { openIdUrl }]) => [
        id,
        new SigningKeys({ openIdUrl, fetch, timeoutMs, monotonicNow }),
      ]),
    );
  }

  static isOne(text: string): boolean {
    return COMPACT.test(text);
  }

  async identify(token: string): Promise<IdentifyResult> {
    try {
      return { kind: 'known', principal: this.#principal(await this.#verify(token)) };
    } catch (error) {
      if (error instanceof SigningKeysError) return { kind: 'unverifiable', reason: error.message };
      if (!(error instanceof InvalidTokenError)) throw error;
      return { kind: 'unknown', reason: `the token is refused: ${error.message}` };
    }
  }

  /** The token names its tenant, whose keys must then have signed it. */
  async #verify(token: string): Promise<JWTPayload> {
    const { tenants, audiences, now } = this.#options;
    const tid = tenantOf(token);
    const tenant = tenants.get(tid);
    const keys = this.#keys.get(tid);
    if (!tenant || !keys) throw new InvalidTokenError('this server does not accept its tenant');
    return await verifyToken(token, { keys, issuers: tenant.issuers, audiences, now: now() });
  }

  #principal(claims: JWTPayload): Principal {
    const { roles } = claims;
    const granted = Array.isArray(roles) ? roles : [];
    const endsAt = ((claims.exp ?? 0) + SKEW_S) * 1_000;
    return {
      name: nameOf(claims),
      scopes: new Set(
        Object.entries(ROLES).flatMap(([role, scope]) => (granted.includes(role) ? [scope] : [])),
      ),
      visibleApps: null,
      rateLimit: null,
      stillHolds: () => this.#options.now() < endsAt,
    };
  }
}

function tenantOf(token: string): string {
  try {
    const { tid } = decodeJwt(token);
    return typeof tid === 'string' ? tid.toLowerCase() : '';
  } catch (cause) {
    throw new InvalidTokenError('it cannot be read', { cause });
  }
}

/**
 * The client's id (`appid` in version 1), and the user's id if the client acts for a user: then the
 * token has `scp`.
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
function nameOf({ azp, appid, oid, scp }: JWTPayload): string {
  const client = `entra:${idOf(azp ?? appid)}`;
  return scp === undefined ? client : `${client}:${idOf(oid)}`;
}

function idOf(claim: unknown): string {
  if (typeof claim === 'string' && /^[\w.-]{1,64}$/.test(claim)) return claim;
  throw new InvalidTokenError('it does not say who it was issued to');
}
