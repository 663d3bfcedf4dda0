import type { SkewContext } from '../calls/merge.ts';
import type { CallRecord } from '../calls/record.ts';
import { slotOf } from '../calls/wheel.ts';
import type { Identified, RecordKind } from './record-kind.ts';

/**
 * Limit of removed records that are kept, approximately: some 300 MB. At 15 and 45 minutes
 * that is 180 removals a second for two deadlines.
 */
const MAX_REMOVED = 1_000_000;

export interface LocalRegistryOptions<R extends Identified> {
  readonly kind: RecordKind<R>;
  readonly slots: number;
  /** @default slotOf */
  readonly slotOf?: (id: string) => number;
  /** By default, no instant counts as a future one. */
  readonly skew?: () => SkewContext;
}

/**
 * What this replica knows about all calls, or all owners: the texts of their records, as Redis
 * stores them. Removed records are kept separately, so that visits need not skip them, and are
 * dropped after a while.
 */
export class LocalRegistry<R extends Identified = CallRecord> {
  readonly #kind: RecordKind<R>;
  readonly #slotOf: (id: string) => number;
  readonly #skew: () => SkewContext;
  #onChange: (before: string, after: string) => void = () => undefined;
  readonly #tracked: readonly Map<string, string>[];
  readonly #removed: readonly Map<string, string>[];
  readonly #unacknowledged = new Set<string>();
  /** Ids whose track, stop or state Redis does not know: their calls are `durable: false`. */
  readonly #volatile = new Set<string>();
  readonly #versions: number[];

  constructor(options: LocalRegistryOptions<R>) {
    const { kind, slots } = options;
    this.#kind = kind;
    this.#slotOf = options.slotOf ?? ((id) => slotOf(id, options));
    this.#skew = options.skew ?? (() => NO_SKEW);
    const perSlot = () => Array.from({ length: slots }, () => new Map<string, string>());
    this.#tracked = perSlot();
    this.#removed = perSlot();
    this.#versions = Array.from({ length: slots }, () => 0);
  }

  /** The listener gets a tracked text before and after a change; '': not tracked. */
  onChange(listener: (before: string, after: string) => void): void {
    this.#onChange = listener;
  }

  /** The texts of a slot's tracked records, by id. */
  tracked(slot: number): ReadonlyMap<string, string> {
    return mapAt(this.#tracked, slot);
  }

  /** The texts of a slot's removed records, by id, the last removed last. */
  removed(slot: number): ReadonlyMap<string, string> {
    return mapAt(this.#removed, slot);
  }

  /** Grows with each change of the slot. */
  version(slot: number): number {
    return this.#versions[slot] ?? 0;
  }

  text(id: string): string {
    const slot = this.#slotOf(id);
    return this.tracked(slot).get(id) ?? this.removed(slot).get(id) ?? '';
  }

  get(id: string): R {
    const text = this.text(id);
    return text === '' ? this.#kind.empty(id) : this.#correct(this.#kind.decode(id, text));
  }

  /** '' if it is not tracked. */
  trackedText(id: string): string {
    return this.tracked(this.#slotOf(id)).get(id) ?? '';
  }

  isRemoved(id: string): boolean {
    return this.removed(this.#slotOf(id)).has(id);
  }

  merge(record: R): R {
    const merged = this.#kind.merge(this.get(record.id), this.#correct(record));
    this.#set(merged, this.#kind.encode(merged));
    return merged;
  }

  /**
   * Merges a text.
   *
   * @param base the text of the tracked record from which it was made, if it was made here
   * @throws UnreadableError
   */
  learn(id: string, text: string, base?: string): void {
    const slot = this.#slotOf(id);
    const known = this.tracked(slot).get(id) ?? '';
    if (text === known) return;
    const merged = known === base ? text : this.#kind.mergeTexts(known, text, this.#skew());
    if (merged === null) this.merge(this.#kind.decode(id, text));
    else if (merged !== known) this.#setTracked(slot, id, known, merged);
  }

  /**
   * Stores a record that was made from the text `base`, or merges it if the local copy has changed
   * since. Returns what is stored.
   */
  put(base: string, record: R, text: string): R {
    if (this.text(record.id) !== base) return this.merge(record);
    this.#set(record, text);
    return record;
  }

  /** The text after a renewal; null if the record must be decoded for that. */
  renewedText(text: string, at: number): string | null {
    return this.#kind.renewText(text, at, this.#skew());
  }

  #set(record: R, text: string): void {
    const { id } = record;
    if (text === this.text(id)) return;
    const slot = this.#slotOf(id);
    const before = this.tracked(slot).get(id) ?? '';
    mapAt(this.#removed, slot).delete(id); // so that a record that is removed again comes last
    if (this.#kind.removedAt(record) === null) {
      this.#setTracked(slot, id, before, text);
    } else {
      mapAt(this.#tracked, slot).delete(id);
      mapAt(this.#removed, slot).set(id, text);
      this.#changed(slot, before, '');
      this.#makeRoom(slot);
    }
  }

  #setTracked(slot: number, id: string, before: string, text: string): void {
    mapAt(this.#tracked, slot).set(id, text);
    this.#changed(slot, before, text);
  }

  #changed(slot: number, before: string, after: string): void {
    this.#versions[slot] = this.version(slot) + 1;
    this.#onChange(before, after);
  }

  #correct(record: R): R {
    return this.#kind.correct(record, this.#skew());
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

  drop(id: string): void {
    const slot = this.#slotOf(id);
    const before = this.tracked(slot).get(id) ?? '';
    mapAt(this.#tracked, slot).delete(id);
    mapAt(this.#removed, slot).delete(id);
    this.setAcknowledged(id);
    this.#changed(slot, before, '');
  }

  /** Forgets records that were removed before an instant, if Redis has acknowledged them. */
  dropRemoved(slot: number, before: number): void {
    for (const [id, text] of this.removed(slot)) {
      const at = this.#kind.removedAt(this.#kind.decode(id, text)) ?? Number.NEGATIVE_INFINITY;
      if (at >= before) return; // they are roughly in the order of their removal
      if (!this.#unacknowledged.has(id)) this.drop(id);
    }
  }

  setAcknowledged(id: string): void {
    this.#unacknowledged.delete(id);
    this.#volatile.delete(id);
  }

  /** @param isVolatile Redis does not know its track, stop or state; see `isDurable` */
  setUnacknowledged(id: string, isVolatile: boolean): void {
    this.#unacknowledged.add(id);
    if (isVolatile) this.#volatile.add(id);
  }

  /** Whether Redis knows what the record says, except perhaps its last renewals and failures. */
  isDurable(id: string): boolean {
    return !this.#volatile.has(id);
  }

  isAcknowledged(id: string): boolean {
    return !this.#unacknowledged.has(id);
  }

  get unacknowledged(): ReadonlySet<string> {
    return this.#unacknowledged;
  }
}

const NO_SKEW: SkewContext = { now: Number.POSITIVE_INFINITY, skewMs: 0, intervalMs: 0 };

function mapAt<T>(maps: readonly T[], slot: number): T {
  const found = maps[slot];
  if (found === undefined) throw new RangeError(`there is no slot ${slot}`);
  return found;
}
