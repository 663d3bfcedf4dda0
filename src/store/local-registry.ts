import { merge } from '../calls/merge.ts';
import { type CallRecord, emptyRecord, removedOf } from '../calls/record.ts';
import { slotOf, type Wheel } from '../calls/wheel.ts';
import { decodeRecord, encodeRecord } from './record-codec.ts';

/**
 * About this many removed calls are held, whatever comes in: some 300 MB. At 15 and 45 minutes
 * that is 180 removals a second for two deadlines.
 */
const MAX_REMOVED = 1_000_000;

/**
 * What this replica knows of all calls: the texts of their records, as stored in Redis. Removed
 * calls are kept apart, so that visits do not pay for them, and are dropped after a while.
 */
export class LocalRegistry {
  readonly #slotOf: (id: string) => number;
  readonly #believe: (record: CallRecord) => CallRecord;
  readonly #tracked: readonly Map<string, string>[];
  readonly #removed: readonly Map<string, string>[];
  /** What Redis has not confirmed yet: all that `durable: false` means. */
  readonly #unacknowledged = new Set<string>();
  readonly #versions: number[];

  /** @param believe a record without what cannot be true, such as a renewal in the future */
  constructor(
    wheel: Wheel,
    believe: (record: CallRecord) => CallRecord,
    place = (id: string) => slotOf(id, wheel),
  ) {
    this.#slotOf = place;
    this.#believe = believe;
    const perSlot = () => Array.from({ length: wheel.slots }, () => new Map<string, string>());
    this.#tracked = perSlot();
    this.#removed = perSlot();
    this.#versions = Array.from({ length: wheel.slots }, () => 0);
  }

  /** The texts of a slot's tracked calls, by id. */
  tracked(slot: number): ReadonlyMap<string, string> {
    return mapAt(this.#tracked, slot);
  }

  /** The texts of a slot's removed calls, by id, the last removed last. */
  removed(slot: number): ReadonlyMap<string, string> {
    return mapAt(this.#removed, slot);
  }

  /** Grows with each change of a slot's tracked calls. */
  version(slot: number): number {
    return this.#versions[slot] ?? 0;
  }

  text(id: string): string {
    const slot = this.#slotOf(id);
    return this.tracked(slot).get(id) ?? this.removed(slot).get(id) ?? '';
  }

  get(id: string): CallRecord {
    const text = this.text(id);
    return text === '' ? emptyRecord(id) : this.#believe(decodeRecord(id, text));
  }

  /** Learns what somebody knows of a call; returns what is known of it now. */
  merge(record: CallRecord): CallRecord {
    const merged = merge(this.get(record.id), this.#believe(record));
    this.#set(merged, encodeRecord(merged));
    return merged;
  }

  /**
   * Puts a record that was made of a call when it was stored as `base`. If the call has changed
   * since, that is kept too. Returns what is known of it now.
   */
  put(base: string, record: CallRecord, text: string): CallRecord {
    if (this.text(record.id) !== base) return this.merge(record);
    this.#set(record, text);
    return record;
  }

  #set(record: CallRecord, text: string): void {
    const { id } = record;
    if (text === this.text(id)) return;
    const slot = this.#slotOf(id);
    const isRemoved = removedOf(record) !== null;
    mapAt(isRemoved ? this.#tracked : this.#removed, slot).delete(id);
    mapAt(isRemoved ? this.#removed : this.#tracked, slot).set(id, text);
    this.#versions[slot] = this.version(slot) + 1;
    if (isRemoved) this.#makeRoom(slot);
  }

  #makeRoom(slot: number): void {
    const removed = mapAt(this.#removed, slot);
    if (removed.size * this.#removed.length <= MAX_REMOVED) return;
    for (const id of removed.keys()) {
      if (this.#unacknowledged.has(id)) continue;
      removed.delete(id);
      return;
    }
  }

  /** Drops a call as if it had never been known. */
  drop(id: string): void {
    const slot = this.#slotOf(id);
    mapAt(this.#tracked, slot).delete(id);
    mapAt(this.#removed, slot).delete(id);
    this.#unacknowledged.delete(id);
    this.#versions[slot] = this.version(slot) + 1;
  }

  /** Drops the calls of a slot that were removed before an instant and that Redis knows of. */
  dropRemoved(slot: number, before: number): void {
    for (const [id, text] of this.removed(slot)) {
      const { at } = removedOf(decodeRecord(id, text)) ?? { at: Number.NEGATIVE_INFINITY };
      if (at >= before) return; // they stand in the order of their removal, roughly
      if (!this.#unacknowledged.has(id)) this.drop(id);
    }
  }

  setAcknowledged(id: string, isAcknowledged: boolean): void {
    if (isAcknowledged) this.#unacknowledged.delete(id);
    else this.#unacknowledged.add(id);
  }

  isAcknowledged(id: string): boolean {
    return !this.#unacknowledged.has(id);
  }

  get unacknowledged(): ReadonlySet<string> {
    return this.#unacknowledged;
  }
}

function mapAt<T>(maps: readonly T[], slot: number): T {
  const found = maps[slot];
  if (found === undefined) throw new RangeError(`there is no slot ${slot}`);
  return found;
}
