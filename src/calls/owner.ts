import Type, { type Static } from 'typebox';
import { Instant, orNull } from './schema.ts';

/** An owner's last sign of life. */
export const LeaseSchema = Type.Object({
  /** The last loss before this lease that the renewing replica knew of; 0 for none. */
  after: Instant,
  renewedAt: Instant,
  /** How long the owner counts as alive after a renewal, in ms. */
  leaseMs: Type.Number(),
});

/** A replica's conclusion about one renewal; any later renewal undoes it. */
export const ConclusionSchema = Type.Object({
  renewedAt: Instant,
  at: Instant,
});

/**
 * Everything that anybody knows about one owner: a bot instance that tracks calls and may renew a
 * lease for all of them. Merged part by part, like the record of a call; see merge.ts. To add a
 * field once a version is released, see {@link RecordSchema}.
 */
export const OwnerRecordSchema = Type.Object({
  lease: orNull(LeaseSchema),
  /** The lease ran out. */
  lapse: orNull(ConclusionSchema),
  /** The grace passed as well: the owner's calls are stopped. */
  loss: orNull(ConclusionSchema),
  /** When a request dropped the owner; only a later renewal counts. */
  droppedAt: orNull(Instant),
  /** The latest renewal of any lease before this one. */
  earlierAt: orNull(Instant),
});

export type OwnerRecord = { readonly id: string } & Readonly<Static<typeof OwnerRecordSchema>>;

/**
 * - `none`: has no lease; its calls are kept alive.
 * - `active`: its lease runs.
 * - `lapsed`: its lease ran out; its calls are stopped at the end of the grace.
 * - `lost`: its calls were stopped.
 */
export type OwnerState = 'none' | 'active' | 'lapsed' | 'lost';

/** A name belongs to one app: the same name in two apps is two owners. */
export interface OwnerName {
  readonly app: string;
  readonly name: string;
}

/** 1 to 128 characters; `.` and `..` are no names, because a URL cannot end in them. */
export const OWNER_PATTERN = '^(?!\\.{1,2}$)[A-Za-z0-9._:-]{1,128}$';

/** A name has no `@`, so the id is unambiguous whatever the app is called. */
export function ownerId({ app, name }: OwnerName): string {
  return `${name}@${app}`;
}

export function ownerOf(id: string): OwnerName {
  const at = id.indexOf('@');
  return { name: id.slice(0, at), app: id.slice(at + 1) };
}

export function emptyOwner(id: string): OwnerRecord {
  return { id, lease: null, lapse: null, loss: null, droppedAt: null, earlierAt: null };
}

export function ownerState(record: OwnerRecord): OwnerState {
  const { lapse, loss, droppedAt } = record;
  const renewedAt = lastRenewal(record);
  if (renewedAt <= (droppedAt ?? 0)) return 'none';
  if (loss !== null && loss.renewedAt >= renewedAt) return 'lost';
  return lapse !== null && lapse.renewedAt >= renewedAt ? 'lapsed' : 'active';
}

/** 0: none. `earlierAt` is later if a replica that did not know of a loss renewed the lease. */
function lastRenewal({ lease, earlierAt }: OwnerRecord): number {
  return Math.max(lease?.renewedAt ?? 0, earlierAt ?? 0);
}

/** When and why it was lost or dropped; null while it has a lease, or if it never had one. */
export function endOf(
  record: OwnerRecord,
): { at: number; reason: 'owner-lost' | 'request' } | null {
  const state = ownerState(record);
  if (state === 'lost' && record.loss) return { at: record.loss.at, reason: 'owner-lost' };
  const isDropped = state === 'none' && record.droppedAt !== null;
  return isDropped ? { at: record.droppedAt ?? 0, reason: 'request' } : null;
}

/** Like {@link endOf}, but 0 if it never had a lease: such an owner is not a tracked record. */
export function ownerRemovedAt(record: OwnerRecord): number | null {
  const neverHadALease = ownerState(record) === 'none' ? 0 : null;
  return endOf(record)?.at ?? neverHadALease;
}

/** A renewal that is later than everything known of the owner. */
export function renewal(current: OwnerRecord, leaseMs: number, now: number): OwnerRecord {
  const { id, loss, droppedAt } = current;
  const renewedAt = Math.max(now, lastRenewal(current) + 1, (droppedAt ?? 0) + 1);
  const lease = { after: loss?.at ?? 0, renewedAt, leaseMs };
  return { ...emptyOwner(id), lease };
}

export function drop(current: OwnerRecord, now: number): OwnerRecord {
  return { ...emptyOwner(current.id), droppedAt: Math.max(now, lastRenewal(current)) };
}

export interface LeaseContext {
  readonly now: number;
  /**
   * Since when at least one replica has served without a break. Before that, the owner may have
   * tried in vain to renew its lease, so no lease or grace period starts earlier.
   */
  readonly servedSince: number;
  readonly graceMs: number;
}

/** null if it has no lease. */
export function leaseUntil(record: OwnerRecord, servedSince: number): number | null {
  const { lease } = record;
  const state = ownerState(record);
  if (lease === null || state === 'none') return null;
  const from = lastRenewal(record);
  return (state === 'active' ? Math.max(from, servedSince) : from) + lease.leaseMs;
}

/** When the owner's calls are stopped unless it renews its lease; null if it has none. */
export function lossAt(record: OwnerRecord, { servedSince, graceMs }: Omit<LeaseContext, 'now'>) {
  const { lapse } = record;
  if (lapse !== null && ownerState(record) === 'lapsed') {
    return Math.max(lapse.at, servedSince) + graceMs;
  }
  const until = ownerState(record) === 'active' ? leaseUntil(record, servedSince) : null;
  return until === null ? null : until + graceMs;
}

/** What the passed time adds to the owner's record, a lapse or a loss; null for nothing. */
export function expireLease(record: OwnerRecord, context: LeaseContext): OwnerRecord | null {
  const { now, servedSince } = context;
  const { id, lease } = record;
  if (lease === null) return null;
  const conclusion = { renewedAt: lastRenewal(record), at: now };
  const state = ownerState(record);
  if (state === 'active' && now >= (leaseUntil(record, servedSince) ?? Infinity)) {
    return { ...emptyOwner(id), lapse: conclusion };
  }
  if (state === 'lapsed' && now >= (lossAt(record, context) ?? Infinity)) {
    return { ...emptyOwner(id), loss: conclusion };
  }
  return null;
}

/**
 * Whether the loss was a mistake: a replica that was cut off from Redis had accepted a renewal in
 * time, and no other replica knew of it.
 */
export function wasLostByMistake(record: OwnerRecord): boolean {
  const { lease, loss, earlierAt } = record;
  if (lease === null || loss === null || ownerState(record) === 'none') return false;
  const unaware = lease.after < loss.at ? lease.renewedAt : 0;
  return Math.max(unaware, earlierAt ?? 0) > loss.renewedAt;
}

/** An owner, as the API shows it. Instants in epoch ms. */
export interface Owner extends OwnerName {
  readonly state: OwnerState;
  readonly tracked: number;
  /** null if it has no lease. */
  readonly renewedAt: number | null;
  readonly leaseMs: number | null;
  readonly leaseUntil: number | null;
  /** When its calls will be stopped unless it renews its lease, or were stopped; null: never. */
  readonly stopsAt: number | null;
}

export function describeOwner(
  record: OwnerRecord,
  tracked: number,
  context: Omit<LeaseContext, 'now'>,
): Owner {
  const state = ownerState(record);
  const lease = state === 'none' ? null : record.lease;
  return {
    ...ownerOf(record.id),
    state,
    tracked,
    renewedAt: lease && lastRenewal(record),
    leaseMs: lease?.leaseMs ?? null,
    leaseUntil: leaseUntil(record, context.servedSince),
    stopsAt: state === 'lost' ? (record.loss?.at ?? null) : lossAt(record, context),
  };
}
