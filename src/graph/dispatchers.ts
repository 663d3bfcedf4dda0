import { Agent, Dispatcher, EnvHttpProxyAgent, Pool, fetch as undiciFetch } from 'undici';
import type { GraphTimeouts } from '../calls/durations.ts';
import type { ExchangeTimeouts } from './exchange.ts';
import { type Bypass, parseNoProxy } from './no-proxy.ts';

export interface Proxies {
  http: string | null;
  https: string | null;
  no: string | null;
}

/** The connections to Graph, Entra (through proxies, if there are any) and this machine. */
export class Dispatchers {
  /** Reused; at most `connections` per origin. */
  readonly pooled: Dispatcher;
  /** A new connection for each request, for the request after a failure. */
  readonly fresh: Dispatcher;
  /** So that token requests that hang take no connection from keepAlives. */
  readonly tokens: Dispatcher;
  /** Without a proxy: the endpoint of managed identities can be reached only from its machine. */
  readonly direct: Dispatcher;
  #closed: Promise<unknown> | null = null;

  constructor(connections: number, timeouts: GraphTimeouts, proxy: Proxies) {
    const options = agentOptions(connections, timeouts, proxy);
    const hasProxy = proxy.http !== null || proxy.https !== null;
    const bypass = parseNoProxy(proxy.no ?? '');
    const dispatcherOf = (some: EnvHttpProxyAgent.Options) =>
      hasProxy ? new ProxiedDispatcher(some, bypass) : new Agent(some);
    this.pooled = dispatcherOf(options);
    // With pipelining 0, undici sends "Connection: close".
    this.fresh = dispatcherOf({ ...options, pipelining: 0 });
    this.tokens = dispatcherOf(options);
    this.direct = new Agent({ connections, connectTimeout: timeouts.connectMs, pipelining: 0 });
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    // undici and Node's types declare the same standard separately.
    const options = { ...init, dispatcher: this.fresh } as Parameters<typeof undiciFetch>[1];
    return (await undiciFetch(url, options)) as unknown as Response;
  }

  /** Waits for the requests in flight, which have time limits. May be called twice. */
  async close(): Promise<void> {
    const all = [this.pooled, this.fresh, this.tokens, this.direct];
    this.#closed ??= Promise.all(all.map((dispatcher) => dispatcher.close()));
    await this.#closed;
  }

  /** Aborts the requests in flight. May be called twice. */
  async destroy(): Promise<void> {
    const all = [this.pooled, this.fresh, this.tokens, this.direct];
    const reason = new Error('the replica is stopping');
    await Promise.all(all.map((dispatcher) => dispatcher.destroy(reason)));
  }
}

/** Sends requests through the proxies, except to the hosts of NO_PROXY. */
class ProxiedDispatcher extends Dispatcher {
  readonly #direct: Agent;
  readonly #proxied: EnvHttpProxyAgent;
  readonly #bypass: Bypass;

  constructor(options: EnvHttpProxyAgent.Options, bypass: Bypass) {
    super();
    this.#direct = new Agent(options);
    this.#proxied = new EnvHttpProxyAgent(options);
    this.#bypass = bypass;
  }

  override dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    const isDirect = this.#bypass(new URL(options.origin ?? ''));
    return (isDirect ? this.#direct : this.#proxied).dispatch(options, handler);
  }

  override async close(): Promise<void> {
    await Promise.all([this.#direct.close(), this.#proxied.close()]);
  }

  override async destroy(reason?: unknown): Promise<void> {
    const error = reason instanceof Error ? reason : null;
    await Promise.all([this.#direct.destroy(error), this.#proxied.destroy(error)]);
  }
}

export function keepAliveLimits(timeouts: GraphTimeouts): ExchangeTimeouts {
  return { headersMs: timeouts.headersMs, bodyMs: timeouts.bodyMs, totalMs: timeouts.totalMs };
}

function agentOptions(
  connections: number,
  timeouts: GraphTimeouts,
  proxy: Proxies,
): EnvHttpProxyAgent.Options {
  return {
    connections,
    connectTimeout: timeouts.connectMs,
    allowH2: false,
    // An empty string means none; with undefined, undici reads process.env itself.
    httpProxy: proxy.http ?? '',
    httpsProxy: proxy.https ?? '',
    noProxy: '',
    // undici passes neither the limit of connections nor a time limit to its proxy client, so a
    // proxy that hangs at CONNECT would keep a connection's place for five minutes.
    factory: (origin: string | URL, options: Agent.Options) =>
      new Pool(origin, { ...(options as Pool.Options), connections }),
    clientFactory: (origin: URL, options: object) =>
      new Pool(origin, { ...options, headersTimeout: timeouts.connectMs }),
  };
}
