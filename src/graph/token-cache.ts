import type { Logger } from 'pino';
import type { Random } from '../calls/ports.ts';
import { Backoff } from './backoff.ts';

/** Durations in ms from its receipt. `refreshInMs`: when Entra wants it renewed. */
export interface Token {
  readonly value: string;
  readonly lifetimeMs: number;
  readonly refreshInMs: number | null;
}

/** `entraCode` is Entra's `AADSTS…`, if it sent one. */
export class TokenError extends Error {
  readonly code = 'TOKEN';
  readonly entraCode: string | null;
  readonly retryAfterMs: number | null;
  constructor(
    entraCode: string | null,
    message: string,
    retryAfterMs: number | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'TokenError';
    this.entraCode = entraCode;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Entra's codes for an unknown tenant, or for one in which the app was never admitted: only a
 * person can fix that. Source:
 * https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
const UNKNOWN_TENANT: ReadonlySet<string | null> = new Set([
  'AADSTS90002', // no such tenant
  'AADSTS900021', // the same, in other words
  'AADSTS900023', // no tenant can have such a name
  'AADSTS700016', // the app is not in the tenant's directory
  'AADSTS7000229', // nor is its service principal
]);

export function isUnknownTenant(error: TokenError): boolean {
  return UNKNOWN_TENANT.has(error.entraCode);
}

export interface TokenCacheOptions {
  /** Requests a token, without a cache; rejects with {@link TokenError}. */
  readonly acquire: (claims: string | null) => Promise<Token>;
  /** Monotonic ms, because a token's life does not depend on the wall clock. */
  readonly uptime: () => number;
  readonly random: Random;
  readonly log: Logger;
  readonly requested: (outcome: 'success' | 'failure') => void;
  /** @param isHeld whether there is still a token from before */
  readonly failed?: ((error: TokenError, isHeld: boolean) => void) | undefined;
  /** Entra's Retry-After does not count if it ends less than this before a deadline, in ms. */
  readonly reserveMs: number;
}

interface Held {
  readonly value: string;
  readonly refreshAt: number;
  readonly expiresAt: number;
}

/** A token is renewed when less than this, or a third of its life, is left. */
const REFRESH_AHEAD_MS = 10 * 60_000;
/** A token is not used this long before it expires, because it must be valid when it arrives. */
const EXPIRY_SKEW_MS = 5_000;
/** Two 401s further apart than this are separate events. */
const REJECTION_MEMORY_MS = 60_000;

/**
 * The token of one app in one tenant. There is one request at a time, early and in the background.
 * The last good token is used until it expires, even if renewals fail. After a failure there is a
 * pause, in which callers without a token get the same failure, so that a visit does not send a
 * request for each call.
 */
export class TokenCache {
  readonly #options: TokenCacheOptions;
  readonly #pause: Backoff;
  readonly #replacing: Backoff;
  #held: Held | null = null;
  #flight: Promise<string> | null = null;
  #lastFailure: TokenError | null = null;
  #replacedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param predecessor of the same app, with an older credential: its token is used until there is
   *   a new one, which is requested at once
   */
  constructor(options: TokenCacheOptions, predecessor: TokenCache | null = null) {
    this.#options = options;
    const held = predecessor === null ? null : predecessor.#held;
    if (held !== null) this.#held = { ...held, refreshAt: Number.NEGATIVE_INFINITY };
    this.#pause = new Backoff(options.random);
    this.#replacing = new Backoff(options.random);
  }

  get isAtHand(): boolean {
    return this.leftMs > 0;
  }

  /** 0 or less without a token. */
  get leftMs(): number {
    return this.#held === null ? 0 : this.#held.expiresAt - this.#options.uptime();
  }

  /**
   * @param leftMs until the nearest deadline of the calls that need it
   * @throws TokenError
   */
  async get(leftMs = Number.POSITIVE_INFINITY): Promise<string> {
    const now = this.#options.uptime();
    const held = this.#held;
    if (held === null || now >= held.expiresAt) return this.#request(null, leftMs);
    if (now >= held.refreshAt && this.#pause.ready(now)) {
      this.#request(null, Number.POSITIVE_INFINITY).catch(() => {}); // Already logged; the held token is still good.
    }
    return held.value;
  }

  /**
   * Gets another token after Graph refused `rejected` with a 401. null if that one is new too: then
   * the fault is elsewhere, and each call would cost a token request. The rejected token is kept
   * until there is another, because a 401 may be about a single call, or from a proxy. Until then
   * every caller gets the reason why there is none, even if it is too early to try again.
   *
   * @throws TokenError
   */
  async replace(rejected: string, claims: string | null): Promise<string | null> {
    if (this.#held !== null && this.#held.value !== rejected) return this.#held.value;
    if (this.#flight !== null) return this.#flight;
    const now = this.#options.uptime();
    if (now - this.#replacedAt > REJECTION_MEMORY_MS) this.#replacing.reset();
    if (!this.#replacing.ready(now)) {
      if (this.#lastFailure !== null) throw this.#lastFailure;
      return null;
    }
    this.#replacedAt = now;
    this.#replacing.failed(now);
    return this.#request(claims, Number.POSITIVE_INFINITY);
  }

  async #request(claims: string | null, leftMs: number): Promise<string> {
    if (this.#flight !== null) return this.#flight;
    const { uptime, reserveMs } = this.#options;
    const failure = this.#lastFailure;
    if (failure !== null && !this.#pause.ready(uptime(), leftMs, reserveMs)) throw failure;
    this.#flight = this.#acquire(claims).finally(() => {
      this.#flight = null;
    });
    return this.#flight;
  }

  async #acquire(claims: string | null): Promise<string> {
    const { acquire, uptime, log, requested, failed } = this.#options;
    try {
      const token = await acquire(claims);
      this.#held = hold(token, uptime());
      this.#pause.reset();
      this.#lastFailure = null;
      requested('success');
      return token.value;
    } catch (error) {
      const failure = toTokenError(error);
      this.#lastFailure = failure;
      this.#pause.failed(uptime(), failure.retryAfterMs ?? 0);
      requested('failure');
      const isHeld = this.leftMs > 0;
      log.debug({ event: 'no-token', reason: failure.message, held: isHeld }, 'no token');
      failed?.(failure, isHeld);
      throw failure;
    }
  }
}

function hold(token: Token, now: number): Held {
  const { value, lifetimeMs, refreshInMs } = token;
  const ahead = Math.min(REFRESH_AHEAD_MS, lifetimeMs / 3);
  const refreshInOwn = lifetimeMs - ahead;
  return {
    value,
    refreshAt: now + Math.min(refreshInOwn, Math.max(refreshInMs ?? refreshInOwn, 0)),
    expiresAt: now + lifetimeMs - Math.min(EXPIRY_SKEW_MS, lifetimeMs / 10),
  };
}

function toTokenError(error: unknown): TokenError {
  if (error instanceof TokenError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TokenError(null, message, null, { cause: error });
}
