import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import type { GraphTimeouts } from '../calls/periods.ts';
import type { Clock } from '../calls/ports.ts';
import type { App } from './app.ts';
import { type Attempt, conclude } from './attempt.ts';
import { claimsIn } from './claims.ts';
import { Connections, keepAliveLimits, type Proxies } from './connections.ts';
import { ExchangeError, exchange } from './exchange.ts';
import { keepAliveEndpoint, keepAliveRequest } from './keep-alive-request.ts';
import { TokenError } from './token-cache.ts';
import { Tokens } from './tokens.ts';

export interface ProberOptions {
  /** Most connections at once. */
  readonly connections: number;
  readonly timeouts: GraphTimeouts;
  readonly proxy: Proxies;
  readonly clock: Clock;
  readonly userAgent: string;
}

/** How an app fares at Microsoft. */
export interface Probe {
  readonly token: ProbedToken | TokenError;
  /** A keepAlive for a call that there is not; without a token, where there is none. */
  readonly attempt: Attempt;
}

export interface ProbedToken {
  /** Permissions that it tells of; null where it cannot be read. */
  readonly roles: readonly string[] | null;
}

/** Asks Microsoft as keepAlives do, but for calls that are nobody's. */
export class Prober {
  readonly #options: ProberOptions;
  readonly #connections: Connections;
  readonly #tokens: Tokens;

  constructor(options: ProberOptions) {
    this.#options = options;
    const { timeouts, proxy, clock, userAgent } = options;
    this.#connections = new Connections(options.connections, timeouts, proxy);
    this.#tokens = new Tokens({
      connections: this.#connections,
      tokenMs: timeouts.tokenMs,
      clock,
      random: Math.random,
      log: pino({ level: 'silent' }), // What goes wrong is in the probe.
      requested: () => {},
      reserveMs: 0,
      userAgent,
    });
  }

  /** Takes the time limits of a token and of a keepAlive at most. */
  async probe(app: App): Promise<Probe> {
    const token = await this.#tokens.of(app, app.tenantId).get().catch(toTokenError);
    const hasNone = token instanceof TokenError;
    const attempt = await this.#post(app, hasNone ? null : token);
    return { token: hasNone ? token : { roles: rolesIn(token) }, attempt };
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #post(app: App, token: string | null): Promise<Attempt> {
    const { clock, timeouts, userAgent } = this.#options;
    const clientRequestId = randomUUID();
    // Of 122 random bits: there is no such call.
    const parts = { callId: randomUUID(), token, clientRequestId, userAgent };
    const request = keepAliveRequest(keepAliveEndpoint(app), parts);
    const sentAt = clock.now();
    const limits = keepAliveLimits(timeouts);
    const answer = await exchange(this.#connections.fresh, request, limits).catch(toExchangeError);
    return conclude(answer, { sentAt, answeredAt: clock.now(), clientRequestId }, request.origin);
  }
}

/**
 * The permissions that a token of an app tells of; null where it is not in the form
 * that Entra documents. To look is for people: Graph alone decides what it is good for.
 */
export function rolesIn(token: string): readonly string[] | null {
  const claims = claimsIn(token);
  if (claims === null) return null;
  const { roles = [] } = claims;
  return Array.isArray(roles) ? roles.map(String) : null;
}

function toTokenError(error: unknown): TokenError {
  if (error instanceof TokenError) return error;
  throw error;
}

function toExchangeError(error: unknown): ExchangeError {
  if (error instanceof ExchangeError) return error;
  throw error;
}
