import { Graph } from '../graph/graph.ts';
import type { Context } from './context.ts';

export function openGraph(context: Context) {
  const { config, durations, policy, metrics, clock, tokenLog } = context;
  const graph = new Graph({
    ...context,
    apps: config.apps,
    connections: config.graphConnections,
    timeouts: durations.graph,
    proxy: config.proxy,
    observer: metrics,
    tokenFailed: (failure) => tokenLog.failed(failure),
    reserveMs: policy.reserveMs,
  });
  /** How signing keys for tokens are fetched: over the same proxies as tokens. */
  const keyFetching = {
    fetch: (url: string, init: RequestInit) => graph.fetch(url, init),
    timeoutMs: durations.graph.connectMs,
    now: () => clock.now(),
    monotonicNow: () => performance.now(),
  };
  return { graph, keyFetching, [Symbol.asyncDispose]: () => graph.close() };
}
