import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

export interface SigningKeysOptions {
  /** The URL of the OpenID configuration, which names the URL of the keys. */
  readonly openIdUrl: string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly timeoutMs: number;
  /** In ms. Setting the clock must not delay a fetch. */
  readonly monotonicNow: () => number;
}

/** The keys cannot be fetched, so the token cannot be checked. */
export class SigningKeysError extends Error {
  readonly code = 'SIGNING_KEYS';
}

/** Between two fetches because of unknown keys: a token can name any key. */
const COOL_DOWN_MS = 30_000;
/** Between a failed fetch and the next. */
const FAILED_COOL_DOWN_MS = 5_000;
/**
 * Age at which the keys are fetched again. While the server answers, a withdrawn key counts for at
 * most this long. Microsoft asks for a fetch at least once a day, and more often for emergencies.
 * https://learn.microsoft.com/entra/identity-platform/signing-key-rollover
 */
const OLD_MS = 60 * 60_000;

/** Microsoft's configuration has 2 KB and its keys 20 KB. Anything far larger is neither. */
const MAX_BYTES = 256 * 1024;

/**
 * The signing keys of an issuer, from its OpenID configuration. It fetches them when they are first
 * needed, when a token names an unknown key, and in the background when they are old. If a fetch
 * fails, the known keys still count, so an outage of the server affects only tokens with unknown
 * keys.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions;
  #keys: JWTVerifyGetKey | null = null;
  /** When the last fetch ended, successful or not. */
  #last: { readonly at: number; readonly failure: SigningKeysError | null } | null = null;
  #fetching: Promise<JWTVerifyGetKey> | null = null;
  #fetchedAt = 0;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /**
   * The key that a token names.
   *
   * @throws SigningKeysError, or JWKSNoMatchingKey if the issuer has no such key
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const keys = this.#keys ?? (await this.#fetchUnlessJustTried());
    try {
      const key = await keys(header, token);
      if (this.#options.monotonicNow() - this.#fetchedAt > OLD_MS) this.#refresh();
      return key;
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (this.#hasJust(COOL_DOWN_MS) && this.#last?.failure === null) throw error;
      return await (await this.#fetchUnlessJustTried())(header, token);
    }
  };

  #hasJust(withinMs: number): boolean {
    return this.#last !== null && this.#options.monotonicNow() - this.#last.at < withinMs;
  }

  #fetchUnlessJustTried(): Promise<JWTVerifyGetKey> {
    const failure = this.#hasJust(FAILED_COOL_DOWN_MS) ? this.#last?.failure : null;
    return failure ? Promise.reject(failure) : this.#fetch();
  }

  #refresh(): void {
    // After a failure the known keys still count; the next request fetches again.
    this.#fetchUnlessJustTried().catch(() => {});
  }

  #fetch(): Promise<JWTVerifyGetKey> {
    this.#fetching ??= this.#discover().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #discover(): Promise<JWTVerifyGetKey> {
    const { openIdUrl, monotonicNow } = this.#options;
    try {
      const { jwks_uri } = await this.#read<{ jwks_uri?: unknown }>(openIdUrl);
      const url = typeof jwks_uri === 'string' ? URL.parse(jwks_uri) : null;
      // A configuration that came by https must not lead to keys by http.
      if (url?.protocol !== 'https:' && url?.protocol !== new URL(openIdUrl).protocol) {
        throw new Error(`${openIdUrl} names no jwks_uri that can be trusted`);
      }
      this.#keys = keySet(await this.#read<JSONWebKeySet>(url.href), url.href);
      this.#fetchedAt = monotonicNow();
      this.#last = { at: this.#fetchedAt, failure: null };
      return this.#keys;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      const failure = new SigningKeysError(message, { cause });
      this.#last = { at: monotonicNow(), failure };
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

/** Rejects a list that would make every token invalid: it must not replace good keys. */
function keySet(keys: JSONWebKeySet, url: string): JWTVerifyGetKey {
  const set = createLocalJWKSet(keys);
  if (!keys.keys.some(({ kty }) => kty === 'RSA')) throw new Error(`${url} lists no RSA key`);
  return set;
}

/** The decoded body; rejects if it is over {@link MAX_BYTES}. */
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
