import type { OwnerRecord } from './owner.ts';
import type { CallRecord, Stop } from './record.ts';

/*
 * The one place that decides which of two views of a call wins.
 *
 * Replicas, Redis and the stream of events each hold a view of a call, and each may be behind:
 * Redis may come back empty or old, a replica may have been cut off, an event may come twice or
 * late. If a view lacks a call, the call may have been removed or the view may have lost it. No
 * code tries to tell these apart. Instead a view is one record of several parts. Each track and each
 * stop of a call has a generation, which grows with each of them. Two records always combine like
 * this:
 *
 *      replica A's record              replica B's record
 *   ┌──────────────────────┐        ┌──────────────────────┐
 *   │ tracking  gen 7  ◄───┼── later ── tracking  gen 5    │
 *   │ stop      –          │  wins  │  stop      gen 4     │   each part has an order of its
 *   │ ending    –          │ in each│  ending    –         │   own, and the later part wins
 *   │ expiry    for 10:00  │  part  │  expiry    –         │
 *   │ renewedAt 10:00      ├──────► │  renewedAt 10:15     │
 *   └──────────────────────┘        └──────────────────────┘
 *        merged: tracking gen 7, expiry for 10:00, renewedAt 10:15
 *                (no stop: the one of gen 4 was for an earlier tracking, so it is dropped)
 *        state:  tracked, because the expiry was for an earlier renewal
 *
 * (A record may have a stop for each app; each of them is a part.)
 *
 * The maximum of an order is commutative, associative and idempotent, and so is the merge. So
 * it does not matter in which order records meet, how often, or by which way; two parties that
 * have exchanged their records agree. The state of a call is a function of its record
 * (`removedOf`):
 *
 *   track ──► tracked ──── stop ≥ its generation ────► untracked     (a later track begins again)
 *              ▲  │  └──── Graph's 404 ──────────────► ended   ──┐
 *              │  └─────── deadline ─────────────────► expired ──┤
 *              └────────── a renewal that was sent later ────────┘
 */

/** Combines what two parties know about one call. Both records must have the same id. */
export function merge(a: CallRecord, b: CallRecord): CallRecord {
  return withoutDeadParts({
    id: a.id,
    // Two changes keep the generation: a tenant that Graph named replaces a default, and an earlier
    // `trackedAt` replaces a later one, which came from a clock that was ahead.
    tracking: later(a.tracking, b.tracking, (part) => [
      part.generation,
      part.tenantIsDefault ? 0 : 1,
      -part.trackedAt,
    ]),
    stops: mergeStops(a.stops, b.stops),
    ending: later(a.ending, b.ending, (part) => [part.generation, part.sentAt]),
    expiry: later(a.expiry, b.expiry, (part) => [part.generation, part.renewedAt]),
    renewedAt: latest(a.renewedAt, b.renewedAt),
    failure: later(a.failure, b.failure, (part) => [part.at]),
  });
}

/**
 * Drops parts that can never count again, such as an ending of generation 5 when the tracking has
 * generation 7: the generation of a tracking never falls. So records stay small. The merge is still
 * commutative and associative, because it drops such a part whichever record has it.
 */
function withoutDeadParts(record: CallRecord): CallRecord {
  const { tracking, stops, ending, expiry, renewedAt, failure } = record;
  const isOld = (part: { generation: string } | null) =>
    part !== null && tracking !== null && part.generation < tracking.generation;
  return {
    ...record,
    stops: Object.fromEntries(Object.entries(stops).filter(([, stop]) => !isOld(stop))),
    ending: isOld(ending) ? null : ending,
    expiry: isOld(expiry) ? null : expiry,
    failure: failure !== null && failure.at <= (renewedAt ?? 0) ? null : failure,
  };
}

/**
 * Combines what two parties know about one owner. Both records must have the same id.
 *
 * A lease that was renewed by a replica that knew of the last loss wins over one by a replica that
 * did not, even if the latter was renewed later. `earlierAt` keeps that later renewal: it shows
 * that the owner was alive, and that the loss was a mistake.
 */
export function mergeOwners(a: OwnerRecord, b: OwnerRecord): OwnerRecord {
  const lease = later(a.lease, b.lease, (part) => [part.after, part.renewedAt]);
  const earlier = [a, b].map((one) => {
    const isEarlier = one.lease !== null && one.lease.after < (lease?.after ?? 0);
    return latest(one.earlierAt, isEarlier ? one.lease.renewedAt : null);
  });
  return {
    id: a.id,
    lease,
    lapse: later(a.lapse, b.lapse, (part) => [part.renewedAt, part.at]),
    loss: later(a.loss, b.loss, (part) => [part.renewedAt, part.at]),
    droppedAt: latest(a.droppedAt, b.droppedAt),
    earlierAt: latest(earlier[0] ?? null, earlier[1] ?? null),
  };
}

/** Sorted by app, so that equal stops have equal texts. */
function mergeStops(a: CallRecord['stops'], b: CallRecord['stops']): CallRecord['stops'] {
  const apps = new Set([...Object.keys(a), ...Object.keys(b)]);
  const merged = [...apps].sort().map((app) => {
    return [app, later(stopIn(a, app), stopIn(b, app), (stop) => [stop.generation])];
  });
  return Object.fromEntries(merged) as CallRecord['stops'];
}

/** An app may have the name of a property of every object, such as `constructor`. */
function stopIn(stops: CallRecord['stops'], app: string): Stop | null {
  return Object.hasOwn(stops, app) ? (stops[app] ?? null) : null;
}

type Rank = readonly (string | number)[];

function later<T extends object>(a: T | null, b: T | null, rankOf: (part: T) => Rank): T | null {
  if (a === null || b === null || a === b) return a ?? b;
  // Their texts break a tie, so that every replica breaks it in the same way.
  const order = compare(rankOf(a), rankOf(b)) || compare([JSON.stringify(a)], [JSON.stringify(b)]);
  return order < 0 ? b : a;
}

function latest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

function compare(a: Rank, b: Rank): number {
  for (const [i, value] of a.entries()) {
    const other = b[i] as typeof value;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

/**
 * Corrects timestamps that lie ahead of now by more than clocks may differ: a wrong clock wrote
 * them. Apply it to every incoming record before the merge.
 *
 * A renewal in the future did happen, but nobody knows when. The wheel turned by the same wrong
 * clock, so it was within the last interval. It counts as one an interval ago: the call is due, and
 * not given up.
 */
export function correctFutureTimes(
  record: CallRecord,
  { now, skewMs, intervalMs }: SkewContext,
): CallRecord {
  const { renewedAt, failure } = record;
  const isFuture = (at: number | null | undefined) => (at ?? 0) > now + skewMs;
  if (!isFuture(renewedAt) && !isFuture(failure?.at)) return record;
  return {
    ...record,
    renewedAt: isFuture(renewedAt) ? now - intervalMs : renewedAt,
    failure: isFuture(failure?.at) ? null : failure,
  };
}

/** The same for an owner. A renewal in the future did happen, so it counts as one at `now`. */
export function correctOwnerFutureTimes(
  record: OwnerRecord,
  { now, skewMs }: SkewContext,
): OwnerRecord {
  const { id, lease, lapse, loss, droppedAt, earlierAt } = record;
  const isFuture = (at: number | null | undefined) => (at ?? 0) > now + skewMs;
  const instants = [lease?.after, lease?.renewedAt, lapse?.at, loss?.at, droppedAt, earlierAt];
  if (!instants.some(isFuture)) return record;
  const notAhead = (at: number) => (isFuture(at) ? now : at);
  return {
    id,
    lease: lease && {
      ...lease,
      after: notAhead(lease.after),
      renewedAt: notAhead(lease.renewedAt),
    },
    lapse: isFuture(lapse?.at) ? null : lapse,
    loss: isFuture(loss?.at) ? null : loss,
    droppedAt: droppedAt && notAhead(droppedAt),
    earlierAt: earlierAt && notAhead(earlierAt),
  };
}

export interface SkewContext {
  readonly now: number;
  readonly skewMs: number;
  readonly intervalMs: number;
}
