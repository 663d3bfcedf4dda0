import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { IdentifyResult, Principal, Scope } from '../calls/principal.ts';

export interface KeyHolder {
  readonly name: string;
  /** All of them are valid: during a rotation there are two. */
  readonly keys: readonly HashedKey[];
  readonly scopes: readonly Scope[];
  /** The apps whose calls the client may see and touch; null: all apps. */
  readonly apps: readonly string[] | null;
  /** Requests a second; null: the default. */
  readonly rateLimit: number | null;
}

export interface HashedKey {
  readonly hash: string;
  /** When it expires, epoch ms. */
  readonly expiresAt: number | null;
}

const WRONG = { kind: 'unknown', reason: 'this server does not know the key' } as const;

/**
 * SHA-256, in hex. A fast hash is right, because keys are random: a secret of 112 bits or more
 * cannot be guessed from its hash, and a slow hash would let each guess cause load. Source:
 * https://pages.nist.gov/800-63-3/sp800-63b.html#lookupsecretverifier
 */
export function hashOf(key: string): string {
  return hash('sha256', key, 'hex');
}

interface Held {
  readonly holder: KeyHolder;
  readonly expiresAt: number | null;
  readonly identity: IdentifyResult;
}

/**
 * The valid keys, by hash. The time that a lookup takes depends only on the presented key's hash,
 * from which nobody can derive a valid key.
 */
export class KeyRing {
  readonly #now: () => number;
  readonly #always: readonly KeyHolder[];
  #held: ReadonlyMap<string, Held> = new Map();

  /**
   * @param keys of API_KEYS, which may do everything and are always valid
   * @param now epoch ms
   */
  constructor(keys: readonly string[], now: () => number) {
    this.#now = now;
    this.#always = keys.map((key, i) => ({
      // No name in the file can have this form.
      name: `API_KEYS[${i}]`,
      keys: [{ hash: hashOf(key), expiresAt: null }],
      scopes: ['admin'],
      apps: null,
      rateLimit: null,
    }));
    this.use([]);
  }

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

  identify(key: string): IdentifyResult {
    const held = this.#held.get(hashOf(key));
    if (held === undefined) return WRONG;
    if (!this.#hasExpired(held)) return held.identity;
    // The name helps to find the bot that still uses the key. Only its holder gets this answer.
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
      visibleApps: apps && new Set(apps),
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
