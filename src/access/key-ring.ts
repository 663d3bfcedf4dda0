import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Identity, Principal, Scope } from '../calls/principal.ts';

/** Somebody who has keys, as `ACCESS_FILE` has them. */
export interface KeyHolder {
  readonly name: string;
  /** Each of them counts: while keys are rotated there are two. */
  readonly keys: readonly HashedKey[];
  readonly scopes: readonly Scope[];
  /** The apps whose calls they see and touch; null: all apps. */
  readonly apps: readonly string[] | null;
  /** Requests a second; null: as many as anybody. */
  readonly rateLimit: number | null;
}

export interface HashedKey {
  /** See {@link hashOf}. */
  readonly hash: string;
  /** epoch ms; from then on it does not count. */
  readonly expiresAt: number | null;
}

const WRONG = { kind: 'unknown', reason: 'the key is not one of this server' } as const;

/**
 * SHA-256, in hex. A fast hash is right here: keys are random, not chosen, and
 * what has 112 bits and more of entropy cannot be guessed from any hash of it,
 * while a slow one would be a load that each guess could cause.
 * Source: https://pages.nist.gov/800-63-3/sp800-63b.html#lookupsecretverifier
 */
export function hashOf(key: string): string {
  return hash('sha256', key, 'hex');
}

/** A key's holder, made ready once for all requests. */
interface Held {
  readonly holder: KeyHolder;
  readonly expiresAt: number | null;
  readonly identity: Identity;
}

/**
 * The keys that count now. A key is found by its hash: how long that takes tells
 * of the hash of what was presented, from which there is no way to a right key.
 */
export class KeyRing {
  readonly #now: () => number;
  readonly #always: readonly KeyHolder[];
  #held: ReadonlyMap<string, Held> = new Map();

  /**
   * @param keys in the clear, for whom all is allowed; they count whatever is put beside them
   * @param now epoch ms
   */
  constructor(keys: readonly string[], now: () => number) {
    this.#now = now;
    this.#always = keys.map((key, i) => ({
      // No name in the file can be the same.
      name: `API_KEYS[${i}]`,
      keys: [{ hash: hashOf(key), expiresAt: null }],
      scopes: ['admin'],
      apps: null,
      rateLimit: null,
    }));
    this.use([]);
  }

  /** From now on these count, and no others. */
  use(holders: readonly KeyHolder[]): void {
    const held = new Map<string, Held>();
    for (const holder of [...holders, ...this.#always]) {
      for (const { hash, expiresAt } of holder.keys) {
        const principal = this.#principal(hash, holder);
        held.set(hash, { holder, expiresAt, identity: { kind: 'known', principal } });
      }
    }
    this.#held = held;
  }

  identify(key: string): Identity {
    const held = this.#held.get(hashOf(key));
    if (held === undefined) return WRONG;
    if (!this.#hasExpired(held)) return held.identity;
    // Whoever has it may be told whose it was: that helps to find the bot that still uses it.
    return { kind: 'unknown', reason: `the key of ${held.holder.name} has expired` };
  }

  #hasExpired({ expiresAt }: Held): boolean {
    return expiresAt !== null && this.#now() >= expiresAt;
  }

  #principal(hash: string, holder: KeyHolder): Principal {
    const { name, scopes, apps, rateLimit } = holder;
    const allowed = { name, scopes, apps };
    return {
      name,
      scopes: new Set(scopes),
      reach: apps && new Set(apps),
      rateLimit,
      stillHolds: () => {
        const now = this.#held.get(hash);
        if (now === undefined || this.#hasExpired(now)) return false;
        const { name, scopes, apps } = now.holder;
        return isDeepStrictEqual({ name, scopes, apps }, allowed);
      },
    };
  }
}
