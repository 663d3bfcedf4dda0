import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

export interface SigningKeysOptions {
  /** Of the OpenID configuration, which says where the keys are. */
  readonly openIdUrl: string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** For each request for the configuration or the keys. */
  readonly timeoutMs: number;
  /** Of any epoch; only differences count. */
  readonly now: () => number;
}

/** Nobody can say whether a token is good: the keys cannot be had. */
export class SigningKeysError extends Error {
  readonly code = 'SIGNING_KEYS';
}

/** A token may name any key: for a name that is not known the keys are fetched no more often. */
const COOL_DOWN_MS = 30_000;
/** After a fetch that failed; meanwhile who asks is told to come back. */
const FAILED_COOL_DOWN_MS = 5_000;
/**
 * A key that has been withdrawn counts for no longer, where its server answers.
 * Microsoft asks for once a day, and for more often to be ready for an emergency.
 * https://learn.microsoft.com/entra/identity-platform/signing-key-rollover
 */
const OLD_MS = 60 * 60_000;

/** Microsoft's configuration has 2 KB, its keys 20 KB; anything far larger is neither. */
const MAX_BYTES = 256 * 1024;

/**
 * The keys that an issuer signs with, by its OpenID configuration. They are
 * fetched when they are first wanted, when a token names one that is not among
 * them, and, behind the scenes, when they are old. Those at hand count for as
 * long as no others can be had: an outage of their server stops nobody whose
 * token names a key that is known.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions;
  #keys: JWTVerifyGetKey | null = null;
  /** Of the fetch that ended last, whatever came of it. */
  #last: { readonly at: number; readonly failure: SigningKeysError | null } | null = null;
  #fetching: Promise<JWTVerifyGetKey> | null = null;
  #fetchedAt = 0;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /**
   * The key that a token names.
   *
   * @throws SigningKeysError; JWKSNoMatchingKey where the issuer has no such key
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const keys = this.#keys ?? (await this.#fetchUnlessJustTried());
    try {
      const key = await keys(header, token);
      if (this.#options.now() - this.#fetchedAt > OLD_MS) this.#refresh();
      return key;
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (this.#hasJust(COOL_DOWN_MS) && this.#last?.failure === null) throw error;
      return await (await this.#fetchUnlessJustTried())(header, token);
    }
  };

  #hasJust(withinMs: number): boolean {
    return this.#last !== null && this.#options.now() - this.#last.at < withinMs;
  }

  #fetchUnlessJustTried(): Promise<JWTVerifyGetKey> {
    const failure = this.#hasJust(FAILED_COOL_DOWN_MS) ? this.#last?.failure : null;
    return failure ? Promise.reject(failure) : this.#fetch();
  }

  #refresh(): void {
    // What fails is tried again by whoever comes next; the keys at hand go on.
    this.#fetchUnlessJustTried().catch(() => {});
  }

  #fetch(): Promise<JWTVerifyGetKey> {
    this.#fetching ??= this.#discover().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #discover(): Promise<JWTVerifyGetKey> {
    const { openIdUrl, now } = this.#options;
    try {
      const { jwks_uri } = await this.#read<{ jwks_uri?: unknown }>(openIdUrl);
      const url = typeof jwks_uri === 'string' ? URL.parse(jwks_uri) : null;
      // No weaker than the way to the configuration itself.
      if (url?.protocol !== 'https:' && url?.protocol !== new URL(openIdUrl).protocol) {
        throw new Error(`${openIdUrl} names no jwks_uri that can be trusted`);
      }
      this.#keys = createLocalJWKSet(await this.#read<JSONWebKeySet>(url.href));
      this.#fetchedAt = now();
      this.#last = { at: now(), failure: null };
      return this.#keys;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      const failure = new SigningKeysError(message, { cause });
      this.#last = { at: now(), failure };
      throw failure;
    }
  }

  async #read<T>(url: string): Promise<T> {
    const { fetch, timeoutMs } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(url, { redirect: 'manual', signal });
    if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}`);
    return JSON.parse(await readBounded(answer, url)) as T;
  }
}

/** The decoded body; stops reading and rejects if it is over {@link MAX_BYTES}. */
async function readBounded({ body }: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new Error(`${url} answers with over ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
