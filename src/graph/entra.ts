import {
  AuthError,
  type AuthenticationResult,
  ConfidentialClientApplication,
  type INetworkModule,
  LogLevel,
  type NetworkRequestOptions,
  type NetworkResponse,
} from '@azure/msal-node';
import type { Dispatcher } from 'undici';
import type { App } from './app.ts';
import { CLOUDS } from './clouds.ts';
import { readCredential } from './credential.ts';
import { type Answer, ExchangeError, exchange, header } from './exchange.ts';
import { parseRetryAfter } from './retry-after.ts';
import { type Token, TokenError } from './token-cache.ts';

/** How tokens are asked for. `tokenMs` limits one acquisition, discovery included. */
export interface EntraOptions {
  readonly dispatcher: Dispatcher;
  readonly tokenMs: number;
  readonly userAgent: string;
  /** Wall time, epoch ms. */
  readonly now: () => number;
}

/**
 * Asks Entra for an app-only token for Graph in a tenant, by MSAL. Each time
 * with a new MSAL client: after a 429 or 5xx one of them refuses by itself for
 * a minute or more, and its cache gives a revoked token out again.
 *
 * @param claims a claims challenge of Graph, as JSON, or null
 * @throws TokenError
 */
export async function acquireToken(
  app: App,
  tenantId: string,
  claims: string | null,
  options: EntraOptions,
): Promise<Token> {
  const network = new EntraNetwork(options);
  try {
    const client = await createClient(app, tenantId, network, options.tokenMs);
    const result = await client.acquireTokenByClientCredential({
      scopes: [`https://${CLOUDS[app.cloud].graphHost}/.default`],
      skipCache: true,
      azureRegion: 'DisableMsalForceRegion', // or MSAL reads the region from process.env
      ...(claims === null ? {} : { claims }),
    });
    return readToken(result);
  } catch (error) {
    throw toTokenError(error, network);
  }
}

async function createClient(
  app: App,
  tenantId: string,
  networkClient: INetworkModule,
  tokenMs: number,
): Promise<ConfidentialClientApplication> {
  const proof = await readCredential(app.credential, AbortSignal.timeout(tokenMs));
  return new ConfidentialClientApplication({
    auth: {
      clientId: app.clientId,
      authority: `${app.authorityHost}/${tenantId}`,
      // Without it MSAL asks the public cloud whether the host may be trusted.
      knownAuthorities: [new URL(app.authorityHost).host],
      ...proof,
    },
    system: {
      networkClient,
      disableInternalRetries: true,
      loggerOptions: {
        logLevel: LogLevel.Error,
        piiLoggingEnabled: false,
        loggerCallback: () => {}, // What goes wrong is in the error; MSAL's log adds nothing.
      },
    },
  });
}

/** Lifetimes are counted from now: MSAL's instants are of the same wall clock. */
function readToken(result: AuthenticationResult | null): Token {
  const now = Date.now();
  const lifetimeMs = (result?.expiresOn?.getTime() ?? Number.NaN) - now;
  if (result === null || result.accessToken === '' || !(lifetimeMs > 0)) {
    throw new Error('Entra gave no token, or one that has expired');
  }
  const refreshInMs = result.refreshOn === undefined ? null : result.refreshOn.getTime() - now;
  return { value: result.accessToken, lifetimeMs, refreshInMs };
}

function toTokenError(error: unknown, network: EntraNetwork): TokenError {
  const cause = network.failure ?? error; // MSAL hides why a request failed.
  const text = describe(cause);
  // Entra's own words, without what MSAL puts around them.
  const entra = /(AADSTS\d+)\b.*?(?= - Correlation ID:|$)/s.exec(text);
  return new TokenError(entra?.[1] ?? null, entra?.[0] ?? text, network.retryAfterMs, { cause });
}

function describe(error: unknown): string {
  if (error instanceof AuthError) return `${error.errorCode}: ${error.errorMessage}`;
  return error instanceof Error ? error.message : String(error);
}

/** MSAL's network over undici: the same proxies, a time limit, a bounded body. */
class EntraNetwork implements INetworkModule {
  readonly #options: EntraOptions;
  readonly #until: number;
  failure: ExchangeError | null = null;
  retryAfterMs: number | null = null;

  constructor(options: EntraOptions) {
    this.#options = options;
    this.#until = performance.now() + options.tokenMs;
  }

  sendGetRequestAsync<T>(url: string, options?: NetworkRequestOptions) {
    return this.#send<T>('GET', url, options);
  }

  sendPostRequestAsync<T>(url: string, options?: NetworkRequestOptions) {
    return this.#send<T>('POST', url, options);
  }

  async #send<T>(
    method: 'GET' | 'POST',
    url: string,
    options: NetworkRequestOptions = {},
  ): Promise<NetworkResponse<T>> {
    const { origin, pathname, search } = new URL(url);
    const { dispatcher, userAgent } = this.#options;
    const headers = { ...options.headers, 'user-agent': userAgent };
    const body = options.body ?? null;
    const leftMs = Math.max(1, Math.ceil(this.#until - performance.now()));
    const limits = { headersMs: leftMs, bodyMs: leftMs, totalMs: leftMs };
    try {
      const request = { method, origin, path: pathname + search, headers, body };
      const answer = await exchange(dispatcher, request, limits);
      const wait = header(answer, 'retry-after');
      this.retryAfterMs = parseRetryAfter(wait, header(answer, 'date'), this.#options.now());
      return {
        status: answer.status,
        headers: plainHeaders(answer),
        body: parseBody(answer, origin),
      };
    } catch (error) {
      if (error instanceof ExchangeError) this.failure = error;
      throw error;
    }
  }
}

function parseBody<T>(answer: Answer, origin: string): T {
  try {
    return JSON.parse(answer.body) as T;
  } catch (cause) {
    const message = `${origin} answered ${answer.status} with something that is not JSON`;
    throw new ExchangeError('malformed', message, { cause });
  }
}

function plainHeaders(answer: Answer): Record<string, string> {
  const names = Object.keys(answer.headers);
  return Object.fromEntries(names.map((name) => [name, header(answer, name) ?? '']));
}
