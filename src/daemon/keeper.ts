import { Visitor, type Visits } from '../calls/visitor.ts';
import type { Graph } from '../graph/graph.ts';
import { Keeper } from '../keeper/keeper.ts';
import type { Registry } from '../store/registry.ts';
import type { RegistrySlots } from '../store/slots.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { Context } from './context.ts';

export interface KeeperNeeds {
  readonly graph: Graph;
  readonly registry: Registry;
  readonly slots: RegistrySlots;
  readonly tracing: Pick<Tracing, 'sender' | 'visits' | 'bind'> | null;
}

/** The keeper of this replica, and the visitor that hands it the calls of a slot. */
export function openKeeper(context: Context, { graph, registry, slots, tracing }: KeeperNeeds) {
  const { config, clock, wheel, deadlineMs, durations, policy } = context;
  const { intervalMs } = wheel;
  const timings = { intervalMs, deadlineMs, skewMs: durations.skewMs, firstMs: policy.firstMs };
  const keeper = new Keeper({
    ...context,
    registry,
    slots,
    timings,
    sender: tracing ? tracing.sender(graph) : graph,
    places: config.graphConnections,
    requestMs: durations.graph.totalMs,
    staleMs: durations.staleMs,
    uptime: () => performance.now(),
    bind: tracing ? tracing.bind : null,
  });
  const visits: Visits = new Visitor({ slots, keeper, clock, wheel, timings });
  return { keeper, timings, visitor: tracing ? tracing.visits(visits) : visits };
}
