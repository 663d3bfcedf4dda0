import {
  AuthError,
  type AuthenticationResult,
  type INetworkModule,
  LogLevel,
  type NetworkRequestOptions,
  type NetworkResponse,
} from '@azure/msal-node';
import type { Dispatcher } from 'undici';
import { header } from '../headers/header.ts';
import { retryAfterOf } from '../headers/retry-after.ts';
import { type Answer, ExchangeError, exchange } from './exchange.ts';
import { type Token, TokenError } from './token-cache.ts';

/** `tokenMs` limits one acquisition, including discovery. */
export interface MsalOptions {
  readonly dispatcher: Dispatcher;
  readonly tokenMs: number;
  readonly userAgent: string;
  /** Wall time, epoch ms. */
  readonly now: () => number;
}

/** MSAL's log adds nothing to its errors. */
export const SILENT = {
  logLevel: LogLevel.Error,
  piiLoggingEnabled: false,
  loggerCallback: () => {},
};

/** Sends MSAL's requests for one token with undici, and limits their time and their answers. */
export class MsalNetwork implements INetworkModule {
  readonly #options: MsalOptions;
  readonly #until: number;
  #failure: ExchangeError | null = null;
  #retryAfterMs: number | null = null;

  constructor(options: MsalOptions) {
    this.#options = options;
    this.#until = performance.now() + options.tokenMs;
  }

  sendGetRequestAsync<T>(url: string, options?: NetworkRequestOptions) {
    return this.#send<T>('GET', url, options);
  }

  sendPostRequestAsync<T>(url: string, options?: NetworkRequestOptions) {
    return this.#send<T>('POST', url, options);
  }

  /** MSAL's error in Entra's words, or the reason why a request failed, which MSAL hides. */
  toTokenError(error: unknown): TokenError {
    const cause = this.#failure ?? error;
    const text = describe(cause);
    // Entra's own message, without MSAL's additions.
    const entra = /(AADSTS\d+)\b.*?(?= - Correlation ID:|$)/s.exec(text);
    return new TokenError(entra?.[1] ?? null, entra?.[0] ?? text, this.#retryAfterMs, { cause });
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
      this.#retryAfterMs = retryAfterOf(answer, this.#options.now());
      return {
        status: answer.status,
        headers: plainHeaders(answer),
        body: parseBody(answer, origin),
      };
    } catch (error) {
      if (error instanceof ExchangeError) this.#failure = error;
      throw error;
    }
  }
}

/** MSAL's instants are by the same wall clock. */
export function readToken(result: AuthenticationResult | null): Token {
  const now = Date.now();
  const lifetimeMs = (result?.expiresOn?.getTime() ?? Number.NaN) - now;
  if (result === null || result.accessToken === '' || !(lifetimeMs > 0)) {
    throw new Error('there was no token in the answer, or one that has expired');
  }
  const refreshInMs = result.refreshOn === undefined ? null : result.refreshOn.getTime() - now;
  return { value: result.accessToken, lifetimeMs, refreshInMs };
}

function describe(error: unknown): string {
  if (error instanceof AuthError) return `${error.errorCode}: ${error.errorMessage}`;
  return error instanceof Error ? error.message : String(error);
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
