import { type Announcement, announcementsOf, ownerAnnouncementsOf } from '../calls/announcement.ts';
import { merge, mergeOwners } from '../calls/merge.ts';
import { emptyOwner, type OwnerRecord, ownerRemovedAt } from '../calls/owner.ts';
import { type CallRecord, emptyRecord, removedOf } from '../calls/record.ts';
import { decodeOwner, encodeOwner } from './owner-codec.ts';
import { decodeRecord, encodeRecord } from './record-codec.ts';

export interface Identified {
  readonly id: string;
}

export interface RecordKind<R extends Identified> {
  empty(id: string): R;
  merge(a: R, b: R): R;
  encode(record: R): string;
  /** @throws UnreadableError */
  decode(id: string, text: string): R;
  /** When it was removed, epoch ms; null while it is tracked. */
  removedAt(record: R): number | null;
  announcements(before: R, after: R, now: number): readonly Announcement[];
  /** False for an empty record, which is not stored. */
  saysAnything(record: R): boolean;
}

export const CALLS: RecordKind<CallRecord> = {
  empty: emptyRecord,
  merge,
  encode: encodeRecord,
  decode: decodeRecord,
  removedAt: (record) => removedOf(record)?.at ?? null,
  announcements: announcementsOf,
  saysAnything: ({ tracking, stops }) => tracking !== null || Object.keys(stops).length > 0,
};

export const OWNERS: RecordKind<OwnerRecord> = {
  empty: emptyOwner,
  merge: mergeOwners,
  encode: encodeOwner,
  decode: decodeOwner,
  removedAt: ownerRemovedAt,
  announcements: ownerAnnouncementsOf,
  saysAnything: ({ lease, droppedAt }) => lease !== null || droppedAt !== null,
};
