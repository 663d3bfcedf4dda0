import type { Logger } from 'pino';
import type { Observer } from '../calls/ports.ts';
import { retryPolicy } from '../calls/retry.ts';
import { Visitor, type Visits } from '../calls/visitor.ts';
import type { Wheel } from '../calls/wheel.ts';
import type { RefereedClock } from '../clock.ts';
import type { Graph } from '../graph/graph.ts';
import { Keeper } from '../keeper/keeper.ts';
import type { Periods } from '../periods.ts';
import type { Registry } from '../store/registry.ts';
import type { RegistrySlots } from '../store/slots.ts';
import type { Tracing } from '../tracing/tracing.ts';

export interface KeeperParts {
  readonly graph: Graph;
  /** Requests to Graph in flight at most. */
  readonly connections: number;
  readonly registry: Registry;
  readonly slots: RegistrySlots;
  readonly observer: Observer;
  readonly clock: RefereedClock;
  readonly random: () => number;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  readonly period: Periods;
  readonly tracing: Tracing | null;
  readonly log: Logger;
  readonly onFatal: (error: Error) => void;
}

/** The keeper of this replica, and the visitor that hands it the calls of a slot. */
export function buildKeeper(parts: KeeperParts) {
  const { graph, slots, clock, wheel, deadlineMs, period, tracing } = parts;
  const { intervalMs } = wheel;
  const policy = retryPolicy(intervalMs, deadlineMs);
  const timings = { intervalMs, deadlineMs, skewMs: period.skewMs, firstMs: policy.firstMs };
  const keeper = new Keeper({
    ...parts,
    timings,
    policy,
    sender: tracing ? tracing.sender(graph) : graph,
    places: parts.connections,
    requestMs: period.graph.totalMs,
    uptime: () => performance.now(),
    bind: tracing ? tracing.bind : null,
  });
  const visits: Visits = new Visitor({ slots, keeper, clock, wheel, timings });
  return { keeper, timings, visitor: tracing ? tracing.visits(visits) : visits };
}
