import type { Logger } from 'pino';
import type { Call, CallError } from '../calls/call.ts';
import type { GraphTimeouts } from '../calls/durations.ts';
import type { Outcome } from '../calls/outcome.ts';
import type { Clock, KeepAliveSender, Random } from '../calls/ports.ts';
import type { App } from './app.ts';
import { attempt, type KeepAliveAttempt } from './attempt.ts';
import type { Classification } from './classify.ts';
import { Dispatchers, keepAliveLimits, type Proxies } from './dispatchers.ts';
import { answerError, silenceError } from './evidence.ts';
import { type KeepAliveEndpoint, keepAliveEndpoint } from './keep-alive-request.ts';
import { isUnknownTenant, TokenError } from './token-cache.ts';
import { type TokenFailure, Tokens } from './tokens.ts';

export type { Proxies } from './dispatchers.ts';

export type RequestOutcome = Classification['kind'];

/** Called for each request to Graph and each token request. Must not throw. */
export interface GraphObserver {
  requestDone(outcome: RequestOutcome, durationMs: number, app: string): void;
  tokenRequested(outcome: 'success' | 'failure', app: string): void;
}

interface Target {
  readonly app: App;
  readonly endpoint: KeepAliveEndpoint;
}

export interface GraphOptions {
  apps: readonly App[];
  /** The most connections to Graph. Further requests wait, within their `totalMs`. */
  connections: number;
  timeouts: GraphTimeouts;
  proxy: Proxies;
  clock: Clock;
  random: Random;
  log: Logger;
  observer: GraphObserver;
  /** Called for each token request that fails. Must not throw. */
  tokenFailed?: ((failure: TokenFailure) => void) | undefined;
  userAgent: string;
  /** See `RetryPolicy`. Entra's Retry-After does not count if it ends this close to a deadline. */
  reserveMs: number;
}

/** https://learn.microsoft.com/graph/api/call-keepalive */
export class Graph implements KeepAliveSender {
  readonly #options: GraphOptions;
  readonly #connections: Dispatchers;
  readonly #tokens: Tokens;
  #apps: ReadonlyMap<string, Target>;

  constructor(options: GraphOptions) {
    this.#options = options;
    const { clock, log, observer, random, timeouts, userAgent, reserveMs } = options;
    this.#apps = byName(options.apps);
    this.#connections = new Dispatchers(options.connections, timeouts, options.proxy);
    this.#tokens = new Tokens({
      connections: this.#connections,
      tokenMs: timeouts.tokenMs,
      clock,
      random,
      log,
      requested: (outcome, app) => observer.tokenRequested(outcome, app),
      failed: options.tokenFailed,
      userAgent,
      reserveMs,
    });
  }

  /** Replaces the configured apps. Requests in flight go on. */
  useApps(apps: readonly App[]): void {
    this.#apps = byName(apps);
    this.#tokens.use(apps);
  }

  /** Also ready if the app is not configured: then `send` reports it. */
  ready(call: Call): boolean {
    const target = this.#apps.get(call.app);
    return target === undefined || this.#tokens.of(target.app, call.tenantId).isAtHand;
  }

  async prepare(call: Call, leftMs: number): Promise<Outcome | null> {
    const target = this.#apps.get(call.app);
    if (target === undefined) return null;
    try {
      await this.#tokens.of(target.app, call.tenantId).get(leftMs);
      return null;
    } catch (error) {
      if (error instanceof TokenError) return this.#withoutToken(target.app, error);
      return this.#unexpected(call, error);
    }
  }

  async send(call: Call): Promise<Outcome> {
    const target = this.#apps.get(call.app);
    if (target === undefined) return this.#unsent('app', `no app "${call.app}" is configured`);
    try {
      return await this.#sendTo(target, call);
    } catch (error) {
      if (error instanceof TokenError) return this.#withoutToken(target.app, error);
      return this.#unexpected(call, error);
    }
  }

  /** Like the global `fetch`, but through the proxies, if there are any. */
  fetch(url: string, init: RequestInit): Promise<Response> {
    return this.#connections.fetch(url, init);
  }

  /** May be called twice. */
  async close(): Promise<void> {
    await this.#connections.close();
  }

  /** @throws TokenError if there is no token, so that no request can be sent */
  async #sendTo({ app, endpoint }: Target, call: Call): Promise<Outcome> {
    const tokens = this.#tokens.of(app, call.tenantId);
    const token = await tokens.get();
    const first = await this.#post(endpoint, call, token);
    if (first.classification.kind !== 'unauthorized' || first.answer === null) return first.outcome;
    try {
      const other = await tokens.replace(token, first.classification.claims);
      return other === null ? first.outcome : (await this.#post(endpoint, call, other)).outcome;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      // Graph answered, so keep its evidence; but the cause is the missing token, not Graph.
      const answered = answerError(first.answer, first.sent, describeToken(app, error));
      return { kind: 'failed', sentAt: first.sent.sentAt, error: { ...answered, code: 'token' } };
    }
  }

  async #post(endpoint: KeepAliveEndpoint, call: Call, token: string): Promise<KeepAliveAttempt> {
    const { clock, observer, timeouts, userAgent } = this.#options;
    const { fresh, pooled } = this.#connections;
    const startedAt = performance.now();
    const sent = await attempt(
      endpoint,
      { callId: call.id, token, userAgent },
      {
        dispatcher: wantsNewConnection(call.lastError) ? fresh : pooled,
        limits: keepAliveLimits(timeouts),
        clock,
      },
    );
    observer.requestDone(sent.classification.kind, performance.now() - startedAt, call.app);
    return sent;
  }

  #withoutToken(app: App, error: TokenError): Outcome {
    const outcome = this.#unsent('token', describeToken(app, error));
    return isUnknownTenant(error) ? { ...outcome, kind: 'refused' } : outcome;
  }

  #unexpected(call: Call, error: unknown): Unsent {
    this.#options.log.error({ err: error, callId: call.id }, 'keepAlive failed unexpectedly');
    return this.#unsent('internal', 'an error inside Callkeeper; see its log');
  }

  #unsent(code: string, message: string): Unsent {
    const error = silenceError(this.#options.clock.now(), code, message);
    return { kind: 'failed', sentAt: null, error };
  }
}

interface Unsent {
  readonly kind: 'failed';
  readonly sentAt: null;
  readonly error: CallError;
}

/** After a failed connection, or a 503 (as Graph asks), the next request uses a new connection. */
function wantsNewConnection(last: CallError | null): boolean {
  if (last === null) return false;
  return last.status === 503 || (last.status === null && !UNSENT.has(last.code));
}

/** Codes of attempts without a request, which say nothing about the connection. */
const UNSENT: ReadonlySet<string | null> = new Set([
  'token',
  'app',
  'internal',
  'queued',
  'stopping',
  'stopped',
]);

function byName(apps: readonly App[]): ReadonlyMap<string, Target> {
  return new Map(apps.map((app) => [app.name, { app, endpoint: keepAliveEndpoint(app) }]));
}

function describeToken(app: App, error: TokenError): string {
  const isManaged = app.credential.kind === 'managed-identity';
  const source = isManaged ? 'its managed identity' : app.authorityHost;
  return `No token for app "${app.name}" from ${source}: ${error.message}`;
}
