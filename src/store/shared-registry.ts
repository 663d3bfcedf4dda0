import type { Announcement } from '../calls/announcement.ts';

/** A write that takes effect only if Redis still has the text `expected`; '' means no record. */
export interface Write {
  readonly id: string;
  readonly expected: string;
  readonly text: string;
  /** null while it is tracked. */
  readonly removedAt: number | null;
  readonly announcements: readonly Announcement[];
}

/**
 * true if Redis has stored the text; or the text that it has instead of the expected one; or null if
 * it serves but cannot store this record.
 */
export type WriteReply = true | string | null;

/** The registry in Redis. Its methods reject with {@link StoreUnavailableError}. */
export interface SharedRegistry {
  /** The texts of a slot's tracked records, by id. */
  readSlot(slot: number): Promise<ReadonlyMap<string, string>>;
  /** The ids of a slot's tracked records. */
  trackedIds(slot: number): Promise<readonly string[]>;
  /** The ids of a slot's records that were removed since an instant. */
  removedSince(slot: number, since: number): Promise<readonly string[]>;
  /** The text of each record, tracked or removed; '' for none. */
  read(ids: readonly string[]): Promise<string[]>;
  write(writes: readonly Write[]): Promise<WriteReply[]>;
}
