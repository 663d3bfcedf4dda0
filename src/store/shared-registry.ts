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

/** The registry in Redis. Its methods reject with {@link StoreUnavailableError}. */
export interface SharedRegistry {
  /** The texts of a slot's tracked records, by id. */
  readSlot(slot: number): Promise<ReadonlyMap<string, string>>;
  /** The texts of a slot's records that were removed since an instant, by id. */
  readRemoved(slot: number, since: number): Promise<ReadonlyMap<string, string>>;
  /** The text of each record, tracked or removed; '' for none. */
  read(ids: readonly string[]): Promise<string[]>;
  /**
   * For each write: true; or the text that Redis has instead of the expected one; or null if Redis
   * serves but cannot store this record.
   */
  write(writes: readonly Write[]): Promise<(true | string | null)[]>;
}
