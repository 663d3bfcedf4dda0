import type { IdentifyResult, Principal } from '../calls/principal.ts';
import { bearerOf } from '../jwt/verify.ts';
import { EntraTokens, type EntraTokensOptions } from './entra-tokens.ts';
import { type KeyHolder, KeyRing } from './key-ring.ts';

export interface AccessOptions {
  /** The keys of API_KEYS, which may do everything. */
  readonly apiKeys: readonly string[];
  /** The clients of ACCESS_FILE at the start; null: there is no file. */
  readonly holders: readonly KeyHolder[] | null;
  /** null: tokens of Entra are not accepted. */
  readonly entra: EntraTokensOptions | null;
  /** epoch ms */
  readonly now: () => number;
}

const ANYONE: Principal = {
  name: 'anyone',
  scopes: new Set(['admin']),
  visibleApps: null,
  rateLimit: null,
  stillHolds: () => true,
};

/** Identifies clients by key or token. If neither is configured, everybody may do everything. */
export class Authenticator {
  readonly #isOpen: boolean;
  readonly #ring: KeyRing;
  readonly #tokens: EntraTokens | null;

  constructor({ apiKeys, holders, entra, now }: AccessOptions) {
    this.#isOpen = apiKeys.length === 0 && holders === null && entra === null;
    this.#ring = new KeyRing(apiKeys, now);
    this.#ring.use(holders ?? []);
    this.#tokens = entra && new EntraTokens(entra);
  }

  useHolders(holders: readonly KeyHolder[]): void {
    this.#ring.use(holders);
  }

  identify(authorization: string | undefined): IdentifyResult | Promise<IdentifyResult> {
    if (this.#isOpen) return { kind: 'anyone', principal: ANYONE };
    const given = bearerOf(authorization);
    if (given === null)
      return { kind: 'unknown', reason: 'send the header Authorization: Bearer KEY' };
    const identity = this.#ring.identify(given);
    const mayBeToken = identity.kind === 'unknown' && EntraTokens.isOne(given);
    return this.#tokens && mayBeToken ? this.#tokens.identify(given) : identity;
  }
}
