import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import type { GraphTimeouts } from '../calls/durations.ts';
import type { Clock } from '../calls/ports.ts';
import type { App } from './app.ts';
import { attempt, type KeepAliveAttempt } from './attempt.ts';
import { claimsIn } from './claims.ts';
import { Dispatchers, keepAliveLimits, type Proxies } from './dispatchers.ts';
import { keepAliveEndpoint } from './keep-alive-request.ts';
import { TokenError } from './token-cache.ts';
import { Tokens } from './tokens.ts';

export interface ProberOptions {
  readonly connections: number;
  readonly timeouts: GraphTimeouts;
  readonly proxy: Proxies;
  readonly clock: Clock;
  readonly userAgent: string;
}

export interface Probe {
  readonly token: ProbedToken | TokenError;
  /** A keepAlive for a call that does not exist; without a token, if there is none. */
  readonly attempt: KeepAliveAttempt;
}

export interface ProbedToken {
  /** The permissions in the token; null if it cannot be read. */
  readonly roles: readonly string[] | null;
}

/** Sends the same requests to Microsoft as a keepAlive does, for a call that does not exist. */
export class Prober {
  readonly #options: ProberOptions;
  readonly #connections: Dispatchers;
  readonly #tokens: Tokens;

  constructor(options: ProberOptions) {
    this.#options = options;
    const { timeouts, proxy, clock, userAgent } = options;
    this.#connections = new Dispatchers(options.connections, timeouts, proxy);
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

  /** Takes at most the time limits of a token and of a keepAlive. */
  async probe(app: App): Promise<Probe> {
    const token = await this.#tokens.of(app, app.tenantId).get().catch(toTokenError);
    const hasNone = token instanceof TokenError;
    const sent = await this.#post(app, hasNone ? null : token);
    return { token: hasNone ? token : { roles: rolesIn(token) }, attempt: sent };
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #post(app: App, token: string | null): Promise<KeepAliveAttempt> {
    const { clock, timeouts, userAgent } = this.#options;
    // 122 random bits, so no such call exists.
    const callId = randomUUID();
    return await attempt(
      keepAliveEndpoint(app),
      { callId, token, userAgent },
      { dispatcher: this.#connections.fresh, limits: keepAliveLimits(timeouts), clock },
    );
  }
}

/**
 * The permissions in an app's token; null if the token does not have the documented form. Only for
 * information: Graph decides what the token allows.
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
