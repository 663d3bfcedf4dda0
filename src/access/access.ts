import type { Identity, Principal } from '../calls/principal.ts';
import { bearerOf } from '../jwt/verify.ts';
import { EntraTokens, type EntraTokensOptions } from './entra-tokens.ts';
import { type KeyHolder, KeyRing } from './key-ring.ts';

export interface AccessOptions {
  /** Keys in the clear, for whom all is allowed. */
  readonly apiKeys: readonly string[];
  /** Of the file of keys, as it was read at the start; null: there is none. */
  readonly holders: readonly KeyHolder[] | null;
  /** null: tokens of Entra are of no use. */
  readonly entra: EntraTokensOptions | null;
  /** epoch ms */
  readonly now: () => number;
}

const ANYONE: Principal = {
  name: 'anyone',
  scopes: new Set(['admin']),
  reach: null,
  rateLimit: null,
  stillHolds: () => true,
};

/** Who may come in: everyone where nothing says otherwise, else who has a key or a token. */
export class Access {
  readonly #isOpen: boolean;
  readonly #ring: KeyRing;
  readonly #tokens: EntraTokens | null;

  constructor({ apiKeys, holders, entra, now }: AccessOptions) {
    this.#isOpen = apiKeys.length === 0 && holders === null && entra === null;
    this.#ring = new KeyRing(apiKeys, now);
    this.#ring.use(holders ?? []);
    this.#tokens = entra && new EntraTokens(entra);
  }

  /** From now on the keys of these count, beside those in the clear. */
  useHolders(holders: readonly KeyHolder[]): void {
    this.#ring.use(holders);
  }

  /** Who sent an `Authorization` header; at once unless it holds a token. Never rejects. */
  identify(authorization: string | undefined): Identity | Promise<Identity> {
    if (this.#isOpen) return { kind: 'anyone', principal: ANYONE };
    const given = bearerOf(authorization);
    if (given === null)
      return { kind: 'unknown', reason: 'send the header Authorization: Bearer KEY' };
    const identity = this.#ring.identify(given);
    const mayBeToken = identity.kind === 'unknown' && EntraTokens.isOne(given);
    return this.#tokens && mayBeToken ? this.#tokens.identify(given) : identity;
  }
}
