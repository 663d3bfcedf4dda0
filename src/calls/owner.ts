import Type, { type Static, type TSchema } from 'typebox';

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** Epoch ms by the shared clock. */
const Instant = Type.Number();

/** An owner's last sign of life. */
export const LeaseSchema = Type.Object({
  /** When the owner was lost before this lease, as far as the replica knew that took its renewals. */
  after: Instant,
  renewedAt: Instant,
  /** How long the owner counts as alive after a renewal, in ms. */
  leaseMs: Type.Number(),
});

/** What a replica concluded about one renewal: a later renewal by anybody undoes it. */
export const ConclusionSchema = Type.Object({
  renewedAt: Instant,
  at: Instant,
});

/**
 * Everything that anybody knows about one owner: a bot instance that tracks calls and may renew a
 * lease for all of them. Two records of an owner are merged part by part, as those of a call are;
 * see merge.ts. To add a field once a version is released, see {@link RecordSchema}.
 */
export const OwnerRecordSchema = Type.Object({
  lease: orNull(LeaseSchema),
  /** The lease ran out. */
  lapse: orNull(ConclusionSchema),
  /** The grace passed as well: the owner's calls are stopped. */
  loss: orNull(ConclusionSchema),
  /** The owner was dropped by a request; only a later renewal counts. */
  droppedAt: orNull(Instant),
  /** The last renewal of all leases before this one. */
  earlierAt: orNull(Instant),
});

export type OwnerRecord = { readonly id: string } & Readonly<Static<typeof OwnerRecordSchema>>;

/**
 * - `none`: has no lease; nothing happens to its calls.
 * - `active`: renews its lease.
 * - `lapsed`: its lease ran out; its calls are stopped when the grace has passed.
 * - `lost`: its calls were stopped.
 */
export type OwnerState = 'none' | 'active' | 'lapsed' | 'lost';

/** An owner's name: it belongs to one app. */
export interface OwnerName {
  readonly app: string;
  readonly name: string;
}

/** 1 to 128 characters; `.` and `..` are no names, because a URL cannot end in them. */
export const OWNER_PATTERN = '^(?!\\.{1,2}$)[A-Za-z0-9._:-]{1,128}$';

/** A name has no `@`, so an id is read without doubt whatever the app is called. */
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

/** 0 for none. A replica that did not know of a loss may have renewed the lease before. */
function lastRenewal({ lease, earlierAt }: OwnerRecord): number {
  return Math.max(lease?.renewedAt ?? 0, earlierAt ?? 0);
}

/** When the owner's calls were stopped, by a loss or a request; null if it counts, or never did. */
export function endOf(
  record: OwnerRecord,
): { at: number; reason: 'owner-lost' | 'request' } | null {
  const state = ownerState(record);
  if (state === 'lost' && record.loss) return { at: record.loss.at, reason: 'owner-lost' };
  const isDropped = state === 'none' && record.droppedAt !== null;
  return isDropped ? { at: record.droppedAt ?? 0, reason: 'request' } : null;
}

/** When an owner was lost or dropped; null while it counts. */
export function ownerRemovedAt(record: OwnerRecord): number | null {
  return ownerState(record) === 'none' ? (endOf(record)?.at ?? 0) : (endOf(record)?.at ?? null);
}

/** A renewal, later than all that is known of the owner. */
export function renewal(current: OwnerRecord, leaseMs: number, now: number): OwnerRecord {
  const { id, loss, droppedAt } = current;
  const renewedAt = Math.max(now, lastRenewal(current) + 1, (droppedAt ?? 0) + 1);
  const lease = { after: loss?.at ?? 0, renewedAt, leaseMs };
  return { ...emptyOwner(id), lease };
}

export function drop(current: OwnerRecord, now: number): OwnerRecord {
  return { ...emptyOwner(current.id), droppedAt: Math.max(now, lastRenewal(current)) };
}

/** What leases are judged by. */
export interface Judging {
  readonly now: number;
  /**
   * Since when at least one replica has served without a break: before that the owner may have
   * tried to renew its lease in vain, so no lease or grace is counted from before it.
   */
  readonly servedSince: number;
  readonly graceMs: number;
}

/** Until when the owner's lease runs, or ran; null if it has none. */
export function leaseUntil(record: OwnerRecord, servedSince: number): number | null {
  const { lease } = record;
  const state = ownerState(record);
  if (lease === null || state === 'none') return null;
  const from = lastRenewal(record);
  return (state === 'active' ? Math.max(from, servedSince) : from) + lease.leaseMs;
}

/** When the owner's calls are stopped unless it renews its lease; null if it has none. */
export function lossAt(record: OwnerRecord, { servedSince, graceMs }: Omit<Judging, 'now'>) {
  const { lapse } = record;
  if (lapse !== null && ownerState(record) === 'lapsed') {
    return Math.max(lapse.at, servedSince) + graceMs;
  }
  const until = ownerState(record) === 'active' ? leaseUntil(record, servedSince) : null;
  return until === null ? null : until + graceMs;
}

/** What the clock adds to what is known of an owner; null for nothing. */
export function judge(record: OwnerRecord, judging: Judging): OwnerRecord | null {
  const { now, servedSince } = judging;
  const { id, lease } = record;
  if (lease === null) return null;
  const conclusion = { renewedAt: lastRenewal(record), at: now };
  const state = ownerState(record);
  if (state === 'active' && now >= (leaseUntil(record, servedSince) ?? Infinity)) {
    return { ...emptyOwner(id), lapse: conclusion };
  }
  if (state === 'lapsed' && now >= (lossAt(record, judging) ?? Infinity)) {
    return { ...emptyOwner(id), loss: conclusion };
  }
  return null;
}

/**
 * Whether the owner's calls were stopped by mistake: a replica that was cut off had accepted a
 * renewal in time, and nobody else knew it.
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
  /** How many tracked calls it has. */
  readonly tracked: number;
  /** The last sign of life; null if it has no lease. */
  readonly renewedAt: number | null;
  readonly leaseMs: number | null;
  readonly leaseUntil: number | null;
  /** When its calls are stopped unless it renews its lease, or were stopped; null: never. */
  readonly stopsAt: number | null;
}

/** @param tracked how many tracked calls it has */
export function describeOwner(
  record: OwnerRecord,
  tracked: number,
  judging: Omit<Judging, 'now'>,
): Owner {
  const state = ownerState(record);
  const lease = state === 'none' ? null : record.lease;
  return {
    ...ownerOf(record.id),
    state,
    tracked,
    renewedAt: lease && lastRenewal(record),
    leaseMs: lease?.leaseMs ?? null,
    leaseUntil: leaseUntil(record, judging.servedSince),
    stopsAt: state === 'lost' ? (record.loss?.at ?? null) : lossAt(record, judging),
  };
}
