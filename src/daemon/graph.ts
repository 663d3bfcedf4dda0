import { Graph, type GraphObserver, type RequestOutcome } from '../graph/graph.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RedisClient } from '../store/connection.ts';
import { Shares } from '../store/shares.ts';
import type { Context } from './context.ts';

export interface GraphNeeds {
  readonly redis: RedisClient;
}

/** Microsoft Graph, and the count of this replica's requests that the other replicas show. */
export function openGraph(context: Context, { redis }: GraphNeeds) {
  const { config, period, wheel, policy, metrics, clock } = context;
  const shares = new Shares({
    ...context,
    redis,
    windowMs: wheel.intervalMs,
    believedMs: period.believedMs,
    elapsedMs: () => performance.now(),
  });
  const graph = new Graph({
    ...context,
    apps: config.apps,
    connections: config.graphConnections,
    timeouts: period.graph,
    proxy: config.proxy,
    observer: new RequestCounter(metrics, shares),
    reserveMs: policy.reserveMs,
  });
  /** How signing keys for tokens are fetched: over the same proxies as tokens. */
  const keyFetching = {
    fetch: (url: string, init: RequestInit) => graph.fetch(url, init),
    timeoutMs: period.graph.connectMs,
    now: () => clock.now(),
  };
  return { graph, shares, keyFetching, [Symbol.asyncDispose]: () => graph.close() };
}

/** Counts requests to Graph for the metrics and for the other replicas. */
class RequestCounter implements GraphObserver {
  readonly #metrics: Metrics;
  readonly #shares: Shares;

  constructor(metrics: Metrics, shares: Shares) {
    this.#metrics = metrics;
    this.#shares = shares;
  }

  requestDone(outcome: RequestOutcome, durationMs: number, app: string): void {
    this.#metrics.requestDone(outcome, durationMs, app);
    this.#shares.count();
  }

  tokenRequested(outcome: 'success' | 'failure', app: string): void {
    this.#metrics.tokenRequested(outcome, app);
  }
}
