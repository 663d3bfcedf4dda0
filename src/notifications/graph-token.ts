import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';

/**
 * What the token must be that Graph sends with its notifications. It is signed by
 * the keys of an OpenID configuration, and names the bot's client id as audience.
 * https://learn.microsoft.com/microsoftteams/platform/bots/calls-and-meetings/call-notifications
 */
export interface GraphTokenOptions {
  /** Of the OpenID configuration, which says where the keys are. */
  readonly openIdUrl: string;
  readonly issuers: readonly string[];
  /** The audiences that are ours. */
  readonly audiences: () => readonly string[];
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** For each request for the configuration or the keys. */
  readonly timeoutMs: number;
}

/** Graph did not send this: the token is missing, or not good. */
export class GraphTokenError extends Error {
  readonly code = 'GRAPH_TOKEN';
}

/** Nobody can say whether the token is good: the keys cannot be had. */
export class GraphKeysError extends Error {
  readonly code = 'GRAPH_KEYS';
}

/** Of clocks, as Microsoft's own libraries allow. */
const SKEW_S = 300;

export class GraphTokenVerifier {
  readonly #options: GraphTokenOptions;
  #keys: Promise<JWTVerifyGetKey> | null = null;

  constructor(options: GraphTokenOptions) {
    this.#options = options;
  }

  /**
   * Checks the token of an `Authorization` header as Graph sent it.
   *
   * @returns the audience that it is for
   * @throws GraphTokenError, GraphKeysError
   */
  async verify(authorization: string | undefined): Promise<string> {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) throw new GraphTokenError('no bearer token came');
    const audiences = this.#options.audiences();
    try {
      const { payload } = await jwtVerify(token, await this.#getKeys(), {
        issuer: [...this.#options.issuers],
        audience: [...audiences],
        algorithms: ['RS256'],
        requiredClaims: ['exp', 'iss', 'aud'],
        clockTolerance: SKEW_S,
      });
      const named = [payload.aud ?? []].flat();
      return named.find((audience) => audiences.includes(audience)) ?? '';
    } catch (error) {
      if (isOfKeys(error)) throw new GraphKeysError(message(error), { cause: error });
      throw new GraphTokenError(message(error), { cause: error });
    }
  }

  #getKeys(): Promise<JWTVerifyGetKey> {
    this.#keys ??= this.#discover().catch((error: unknown) => {
      this.#keys = null;
      throw new GraphKeysError(message(error), { cause: error });
    });
    return this.#keys;
  }

  async #discover(): Promise<JWTVerifyGetKey> {
    const { openIdUrl, timeoutMs } = this.#options;
    const answer = await this.#options.fetch(openIdUrl, {
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (answer.status !== 200) throw new Error(`${openIdUrl} answers ${answer.status}`);
    const { jwks_uri } = (await answer.json()) as { jwks_uri?: unknown };
    const url = typeof jwks_uri === 'string' ? URL.parse(jwks_uri) : null;
    // No weaker than the way to the configuration itself.
    if (url?.protocol !== 'https:' && url?.protocol !== new URL(openIdUrl).protocol) {
      throw new Error(`${openIdUrl} names no jwks_uri that can be trusted`);
    }
    return createRemoteJWKSet(url, {
      timeoutDuration: timeoutMs,
      [customFetch]: (keysUrl, init) => this.#options.fetch(keysUrl, init),
    });
  }
}

/** Whether it was the fetching of the keys that failed, not the token. */
function isOfKeys(error: unknown): boolean {
  if (error instanceof GraphKeysError || error instanceof errors.JWKSTimeout) return true;
  if (error instanceof errors.JWKSInvalid) return true;
  // What the answer of the keys' server is not, jose says with its base class; fetch with its own.
  return !(error instanceof errors.JOSEError) || error.code === 'ERR_JOSE_GENERIC';
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
