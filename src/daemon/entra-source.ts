import { claimsIn } from '../graph/claims.ts';
import type { TokenCache } from '../graph/token-cache.ts';
import type { Credential } from '../store/credentials.ts';
import type { CredentialSource } from '../store/token-credentials.ts';

/** Tokens of Entra ID as credentials of Redis: the user is the object id of the identity. */
export class EntraSource implements CredentialSource {
  readonly #tokens: Pick<TokenCache, 'get' | 'leftMs' | 'replace'>;
  readonly #username: string | undefined;

  /** @param username instead of the object id, which cannot be read from an opaque token */
  constructor(
    tokens: Pick<TokenCache, 'get' | 'leftMs' | 'replace'>,
    username: string | undefined,
  ) {
    this.#tokens = tokens;
    this.#username = username;
  }

  async get(): Promise<Credential> {
    const password = await this.#tokens.get();
    const username = this.#username ?? objectIdIn(password);
    if (username === null) {
      throw new Error('the token has no oid; put the object id of its identity into REDIS_URL');
    }
    return { username, password };
  }

  leftMs(): number {
    return this.#tokens.leftMs;
  }

  async replace({ password = '' }: Credential): Promise<unknown> {
    return this.#tokens.replace(password, null);
  }
}

function objectIdIn(token: string): string | null {
  const oid = claimsIn(token)?.oid;
  return typeof oid === 'string' && oid !== '' ? oid : null;
}
