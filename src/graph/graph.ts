import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Call, CallError } from '../calls/call.ts';
import type { Outcome } from '../calls/outcome.ts';
import type { Clock, KeepAliveSender, Random } from '../calls/ports.ts';
import type { App } from './app.ts';
import { type Attempt, conclude } from './attempt.ts';
import { Connections, type GraphTimeouts, keepAliveLimits, type Proxies } from './connections.ts';
import { acquireToken } from './entra.ts';
import { answerError, silenceError } from './evidence.ts';
import { ExchangeError, exchange, type Request } from './exchange.ts';
import { TokenCache, TokenError } from './token-cache.ts';

export type { GraphTimeouts, Proxies } from './connections.ts';

/** What became of one request to Graph; bounded, for metrics. */
export type RequestOutcome =
  | 'renewed'
  | 'ended'
  | 'throttled'
  | 'refused'
  | 'unauthorized'
  | 'failed';

/** Told of each request that was sent, and of each token asked for. Must not throw. */
export interface GraphObserver {
  requestDone(outcome: RequestOutcome, durationMs: number): void;
  tokenRequested(outcome: 'success' | 'failure'): void;
}

export interface GraphOptions {
  apps: readonly App[];
  /** Most connections to Graph's host at once; more requests wait, within their `totalMs`. */
  connections: number;
  timeouts: GraphTimeouts;
  proxy: Proxies;
  clock: Clock;
  random: Random;
  log: Logger;
  observer: GraphObserver;
  userAgent: string;
}

/** Tenants whose tokens are held at once; forgetting one costs a token request, no more. */
const MAX_TENANTS = 10_000;

/**
 * Microsoft Graph: sends keepAlives.
 * Source: https://learn.microsoft.com/graph/api/call-keepalive
 */
export class Graph implements KeepAliveSender {
  readonly #options: GraphOptions;
  readonly #apps: ReadonlyMap<string, App>;
  readonly #connections: Connections;
  /** By app and tenant, in the order of their making. */
  readonly #tokens = new Map<string, TokenCache>();

  constructor(options: GraphOptions) {
    this.#options = options;
    this.#apps = new Map(options.apps.map((app) => [app.name, app]));
    this.#connections = new Connections(options.connections, options.timeouts, options.proxy);
  }

  async send(call: Call): Promise<Outcome> {
    const app = this.#apps.get(call.app);
    if (app === undefined) return this.#unsent('app', `no app "${call.app}" is configured`);
    try {
      return await this.#sendAs(app, call);
    } catch (error) {
      if (error instanceof TokenError) return this.#unsent('token', describeToken(app, error));
      this.#options.log.error({ err: error, callId: call.id }, 'keepAlive failed unexpectedly');
      return this.#unsent('internal', 'an error inside of Callkeeper; see its log');
    }
  }

  /** Lets requests in flight finish; safe to call twice. */
  async close(): Promise<void> {
    await this.#connections.close();
  }

  /** @throws TokenError where no request could be sent for want of a token */
  async #sendAs(app: App, call: Call): Promise<Outcome> {
    const tokens = this.#tokensOf(app, call.tenantId);
    const token = await tokens.get();
    const first = await this.#post(app, call, token);
    if (first.verdict.kind !== 'unauthorized' || first.answer === null) return first.outcome;
    try {
      const other = await tokens.replace(token, first.verdict.claims);
      return other === null ? first.outcome : (await this.#post(app, call, other)).outcome;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      // Graph did answer: its evidence counts, with why there was no second request.
      const why = answerError(first.answer, first.sent, describeToken(app, error));
      return { kind: 'failed', sentAt: first.sent.sentAt, error: why };
    }
  }

  async #post(app: App, call: Call, token: string): Promise<Attempt> {
    const { clock, observer, timeouts } = this.#options;
    const { fresh, pooled } = this.#connections;
    const clientRequestId = randomUUID();
    const request = this.#request(app, call.id, token, clientRequestId);
    const startedAt = performance.now();
    const sentAt = clock.now();
    const answer = await exchange(
      wantsNewConnection(call.lastError) ? fresh : pooled,
      request,
      keepAliveLimits(timeouts),
    ).catch(toExchangeError);
    const sent = { sentAt, answeredAt: clock.now(), clientRequestId };
    const attempt = conclude(answer, sent, request.origin);
    observer.requestDone(attempt.verdict.kind, performance.now() - startedAt);
    return attempt;
  }

  #request(app: App, callId: string, token: string, clientRequestId: string): Request {
    const { origin, pathname } = new URL(`${app.graphBaseUrl}/communications/calls/`);
    const headers = {
      authorization: `Bearer ${token}`,
      'client-request-id': clientRequestId,
      'content-length': '0',
      'user-agent': this.#options.userAgent,
    };
    // An id that reaches this place fits the grammar; encoded all the same, it stays one segment.
    const path = `${pathname}${encodeURIComponent(callId)}/keepAlive`;
    return { method: 'POST', origin, path, headers, body: null };
  }

  #tokensOf(app: App, tenantId: string): TokenCache {
    const key = `${app.name} ${tenantId}`;
    const known = this.#tokens.get(key);
    if (known !== undefined) return known;
    const made = this.#createTokens(app, tenantId);
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size < MAX_TENANTS) break;
      this.#tokens.delete(oldest);
    }
    this.#tokens.set(key, made);
    return made;
  }

  #createTokens(app: App, tenantId: string): TokenCache {
    const { clock, log, observer, random, timeouts, userAgent } = this.#options;
    const dispatcher = this.#connections.fresh;
    const entra = { dispatcher, tokenMs: timeouts.tokenMs, userAgent, now: () => clock.now() };
    return new TokenCache({
      acquire: (claims) => acquireToken(app, tenantId, claims, entra),
      uptime: () => performance.now(),
      random,
      log: log.child({ app: app.name, tenantId }),
      requested: (outcome) => observer.tokenRequested(outcome),
    });
  }

  #unsent(code: string, message: string): Outcome {
    const error = silenceError(this.#options.clock.now(), code, message);
    return { kind: 'failed', sentAt: null, error };
  }
}

/** After a connection that failed, or a 503 (as Graph asks), the next request takes a new one. */
function wantsNewConnection(last: CallError | null): boolean {
  if (last === null) return false;
  return last.status === 503 || (last.status === null && last.code !== 'token');
}

function toExchangeError(error: unknown): ExchangeError {
  if (error instanceof ExchangeError) return error;
  throw error;
}

function describeToken(app: App, error: TokenError): string {
  return `No token for app "${app.name}" from ${app.authorityHost}: ${error.message}`;
}
