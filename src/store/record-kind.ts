import { type Announcement, announcementsOf, ownerAnnouncementsOf } from '../calls/announcement.ts';
import {
  correctFutureTimes,
  correctOwnerFutureTimes,
  merge,
  mergeOwners,
  type SkewContext,
} from '../calls/merge.ts';
import { emptyOwner, type OwnerRecord, ownerRemovedAt } from '../calls/owner.ts';
import { type CallRecord, emptyRecord, removedOf } from '../calls/record.ts';
import { decodeOwner, encodeOwner } from './owner-codec.ts';
import { decodeRecord, encodeRecord, laterOf, renewedText } from './record-codec.ts';

export interface Identified {
  readonly id: string;
}

export interface RecordKind<R extends Identified> {
  empty(id: string): R;
  merge(a: R, b: R): R;
  /** Corrects what cannot be true, such as a renewal in the future. */
  correct(record: R, context: SkewContext): R;
  encode(record: R): string;
  /** @throws UnreadableError */
  decode(id: string, text: string): R;
  /**
   * The text of the merge of two texts; null if they must be decoded for that. The text is the one
   * that `decode`, `correct`, `merge` and `encode` would give.
   */
  mergeTexts(a: string, b: string, context: SkewContext): string | null;
  /** Like `mergeTexts`, for a text and a renewal at an instant. */
  renewText(text: string, at: number, context: SkewContext): string | null;
  /** When it was removed, epoch ms; null while it is tracked. */
  removedAt(record: R): number | null;
  announcements(before: R, after: R, now: number): readonly Announcement[];
  /** False for an empty record, which is not stored. */
  saysAnything(record: R): boolean;
}

export const CALLS: RecordKind<CallRecord> = {
  empty: emptyRecord,
  merge,
  correct: correctFutureTimes,
  encode: encodeRecord,
  decode: decodeRecord,
  mergeTexts: (a, b, { now, skewMs }) => laterOf(a, b, now + skewMs),
  renewText: (text, at, { now, skewMs }) => renewedText(text, at, now + skewMs),
  removedAt: (record) => removedOf(record)?.at ?? null,
  announcements: announcementsOf,
  saysAnything: ({ tracking, stops }) => tracking !== null || Object.keys(stops).length > 0,
};

export const OWNERS: RecordKind<OwnerRecord> = {
  empty: emptyOwner,
  merge: mergeOwners,
  correct: correctOwnerFutureTimes,
  encode: encodeOwner,
  decode: decodeOwner,
  mergeTexts: () => null,
  renewText: () => null,
  removedAt: ownerRemovedAt,
  announcements: ownerAnnouncementsOf,
  saysAnything: ({ lease, droppedAt }) => lease !== null || droppedAt !== null,
};
