import type { Logger } from 'pino';
import type { Observer } from '../calls/ports.ts';
import type { RetryPolicy } from '../calls/retry.ts';
import { Visitor, type Visits } from '../calls/visitor.ts';
import type { Wheel } from '../calls/wheel.ts';
import type { RefereedClock } from '../clock.ts';
import type { Graph } from '../graph/graph.ts';
import { Keeper } from '../keeper/keeper.ts';
import type { Registries } from '../keeper/registries.ts';
import type { Periods } from '../periods.ts';
import type { MirroredStore } from '../store/mirrored-store.ts';
import type { Roster } from '../store/roster.ts';
import type { Tracing } from '../tracing/tracing.ts';

export interface KeeperParts {
  readonly graph: Graph;
  /** Requests to Graph in flight at most. */
  readonly connections: number;
  readonly store: MirroredStore;
  readonly roster: Roster;
  readonly observer: Observer;
  /** Whether Redis serves the call's slot now. */
  readonly isServed: (id: string) => boolean;
  readonly clock: RefereedClock;
  readonly random: () => number;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  readonly policy: RetryPolicy;
  readonly period: Periods;
  readonly tracing: Tracing | null;
  readonly log: Logger;
}

/** Builds the replica's keeper, and the visitors of slots in Redis and in memory. */
export function buildKeeper(parts: KeeperParts) {
  const { graph, store, roster, observer, period, tracing, log } = parts;
  // A removal that Redis does not know yet is published when a replica writes it there.
  const localObserver: Observer = {
    ...observer,
    removed: ({ id, removal }) => log.debug({ call: id, removal }, 'call left the schedule here'),
  };
  const registries: Registries = {
    shared: { store, observer },
    local: { store: roster, observer: localObserver },
    isLocal: (id) => roster.isUnsaved(id) || !parts.isServed(id),
    latest: (call) => roster.latest(call),
  };
  const { skewMs } = period;
  const keeper = new Keeper({
    ...parts,
    registries,
    sender: tracing ? tracing.sender(graph) : graph,
    places: parts.connections,
    requestMs: period.graph.totalMs,
    uptime: () => performance.now(),
    skewMs,
    bind: tracing ? tracing.bind : null,
  });
  const visitor = (of: MirroredStore | Roster): Visits => {
    const visits = new Visitor({ ...parts, store: of, keeper, skewMs });
    return tracing ? tracing.visits(visits) : visits;
  };
  return { keeper, registries, visitor: visitor(store), localVisitor: visitor(roster) };
}
