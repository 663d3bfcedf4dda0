import { type Call, covers, type GoneCall } from '../calls/call.ts';
import type { SlotDigest } from '../calls/digest.ts';
import type { CallStore, Change, Entry, WriteResult } from '../calls/ports.ts';
import { tally } from '../calls/tally.ts';
import { slotOf, type Wheel } from '../calls/wheel.ts';
import { encodeCall } from './codec.ts';
import { giveWay, PIECE } from './give-way.ts';
import type { PackedMap } from './packed-map.ts';
import { RosterSlot } from './roster-slot.ts';
import { Unsaved } from './unsaved.ts';

/** What the roster knows of all calls at an instant. */
export interface RosterSummary {
  readonly tracked: number;
  /** With at least one failure since their last success. */
  readonly failing: number;
  /** With less than a third of the deadline left. */
  readonly atRisk: number;
  /** Of the call nearest to its deadline; null where there is no call. */
  readonly nearestDeadlineAt: number | null;
  /** Tracked calls that the roster had no room for: without Redis they are not kept alive here. */
  readonly unheld: number;
}

export interface RosterOptions {
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  /** It holds so many calls at most. */
  readonly mostCalls: number;
  /** Told when the first call finds no room, and (0) when all have room again. */
  readonly onUnheld: (unheld: number) => void;
}

/** About so many calls that have left are remembered here; Redis remembers them all. */
const MOST_GONE = 50_000;

/**
 * A replica's own copy of the wheel in memory: what it goes by when Redis does
 * not answer, and what its metrics are read from.
 *
 * As a store of its own (`write`) it takes changes that Redis has yet to learn
 * of: those stand against whatever is read there, until they have been
 * reconciled. What is already in Redis comes by `put`, `remove` and
 * `replaceSlot`.
 */
export class Roster implements CallStore {
  readonly #options: RosterOptions;
  readonly #slots: readonly RosterSlot[];
  /** The ids whose changes Redis has yet to learn of. */
  readonly #unsaved: Unsaved;
  #held = 0;
  #unheld = 0;
  #writes = 0;

  constructor(options: RosterOptions) {
    this.#options = options;
    this.#unsaved = new Unsaved(options.wheel);
    this.#slots = Array.from({ length: options.wheel.slots }, () => new RosterSlot());
  }

  async readSlot(slot: number): Promise<Entry[]> {
    return this.#slot(slot).entries();
  }

  async find(ids: readonly string[]): Promise<(Entry | null)[]> {
    return ids.map((id) => this.peek(id));
  }

  async findGone(ids: readonly string[]): Promise<(GoneCall | null)[]> {
    return ids.map((id) => this.#slotOf(id).gone.get(id) ?? null);
  }

  async readGone(slot: number): Promise<GoneCall[]> {
    return [...this.#slot(slot).gone.values()];
  }

  async forgetGone(slot: number, before: number): Promise<void> {
    const { gone } = this.#slot(slot);
    for (const [id, call] of gone) if (call.goneAt < before) gone.delete(id);
  }

  async write(changes: readonly Change[]): Promise<WriteResult[]> {
    return changes.map((change) => {
      const current = this.peek(change.id);
      if ((current?.version ?? null) !== change.expected) return { done: false, current };
      this.#unsaved.add(change.id);
      const version = 'gone' in change ? null : encodeCall(change.next);
      this.apply(change, version);
      return { done: true, version };
    });
  }

  peek(id: string): Entry | null {
    return this.#slotOf(id).find(id);
  }

  /** Whether the call, under this registration or a later one, is known to have left the schedule. */
  hasLeft(call: Call): boolean {
    const gone = this.#slotOf(call.id).gone.get(call.id);
    return gone !== undefined && covers(gone, call);
  }

  /**
   * The call as it is known here: null if it was removed, undefined if there was no room for it,
   * or if its removal is forgotten.
   */
  latest(call: Call): Entry | null | undefined {
    return this.peek(call.id) ?? (this.hasLeft(call) ? null : undefined);
  }

  /** @param version of the call that is put, see `WriteResult` */
  apply(change: Change, version: string | null): void {
    if ('gone' in change) this.remove(change.gone);
    else this.put(change.next, version ?? undefined);
  }

  /**
   * A call that nobody else knows of is taken in even where there is no room.
   *
   * @param version the call as it is encoded, where that is known
   */
  put(call: Call, version = encodeCall(call)): void {
    const slot = this.#touch(call.id);
    const isFull = this.#held >= this.#options.mostCalls && !this.#unsaved.has(call.id);
    if (isFull && !slot.calls.has(call.id)) return; // counted when the slot is read
    if (slot.calls.set(call.id, version)) this.#held++;
    slot.gone.delete(call.id);
  }

  remove(call: GoneCall): void {
    const slot = this.#touch(call.id);
    if (slot.calls.delete(call.id)) this.#held--;
    slot.gone.delete(call.id);
    slot.gone.set(call.id, call);
    if (slot.gone.size * this.#slots.length <= MOST_GONE) return;
    const oldest = [...slot.gone.keys()].find((id) => !this.#unsaved.has(id));
    if (oldest !== undefined) slot.gone.delete(oldest);
  }

  async stopUnknown(gone: GoneCall): Promise<boolean> {
    if (this.peek(gone.id) !== null) return false;
    this.#unsaved.add(gone.id);
    this.remove(gone);
    return true;
  }

  /** The calls held here that a read in Redis did not find, and nobody has said why. */
  missing(slot: number, entries: readonly Entry[], mark: number): string[] {
    const here = this.#slot(slot);
    if (mark < here.readAt) return []; // a later read has been taken over
    const there = new Set(entries.map(({ call }) => call.id));
    const isMissing = (id: string) => !there.has(id) && !this.#isNewerHere(id, here, mark);
    return here.calls.keys().filter(isMissing).toArray();
  }

  /** Redis has lost the call: it stands here until Redis has it back. */
  keep(id: string): void {
    this.#unsaved.add(id);
    this.#touch(id);
  }

  /** To be taken before a slot is read elsewhere, and given to {@link replaceSlot}. */
  mark(): number {
    return ++this.#writes;
  }

  /**
   * Takes over a slot as it was read in Redis. What was written here since the
   * mark stands, and so does what Redis has yet to learn of. A read that was
   * begun before one that is taken over already says nothing new.
   */
  replaceSlot(slot: number, entries: readonly Entry[], mark: number): void {
    const here = this.#slot(slot);
    if (mark < here.readAt) return;
    here.readAt = mark;
    const there = this.#notStopped(entries, here, mark);
    for (const id of here.calls.keys()) {
      if (there.has(id) || this.#isNewerHere(id, here, mark)) continue;
      here.calls.delete(id);
      this.#held--;
    }
    const unheld = this.#takeOver(there, here, mark);
    for (const id of here.touched.keys()) {
      if (!this.#isNewerHere(id, here, mark)) here.touched.delete(id);
    }
    this.#setUnheld(here, unheld);
    here.changed();
  }

  /** Whether there is something that Redis has yet to learn of. */
  get hasUnsaved(): boolean {
    return this.#unsaved.slots.length > 0;
  }

  /** Where Redis has yet to learn of something. */
  get unsavedSlots(): readonly number[] {
    return this.#unsaved.slots;
  }

  isUnsaved(id: string): boolean {
    return this.#unsaved.has(id);
  }

  /** Redis knows of them now, as they were when they were read here. */
  saved(entries: readonly Entry[], gone: readonly GoneCall[]): void {
    for (const { call, version } of entries) {
      if (this.peek(call.id)?.version === version) this.#unsaved.delete(call.id);
    }
    for (const call of gone) {
      if (this.#slotOf(call.id).gone.get(call.id) === call) this.#unsaved.delete(call.id);
    }
  }

  /** As {@link digests}, it gives way to others. */
  async summary(now: number): Promise<RosterSummary> {
    const { deadlineMs } = this.#options;
    const digests = await this.digests();
    const { tracked, failing, atRisk, nearestDeadlineAt } = tally(digests, null, now, deadlineMs);
    const unheld = this.#unheld;
    return { tracked: tracked + unheld, failing, atRisk, nearestDeadlineAt, unheld };
  }

  /** How many calls are tracked, with those that there was no room for. */
  get tracked(): number {
    return this.#held + this.#unheld;
  }

  /** Tracked calls that the roster had no room for. */
  get unheld(): number {
    return this.#unheld;
  }

  /** Of each slot; gives way to others. */
  async digests(): Promise<SlotDigest[]> {
    const digests: SlotDigest[] = [];
    let read = 0;
    for (const slot of this.#slots) {
      digests.push(await slot.digest(this.#options.deadlineMs));
      read += slot.calls.size;
      if (read < PIECE) continue;
      await giveWay(read);
      read = 0;
    }
    return digests;
  }

  /** Without those that were stopped here before Redis went back to when they were not: it has to learn of it again. */
  #notStopped(entries: readonly Entry[], here: RosterSlot, mark: number): Map<string, Entry> {
    const there = new Map<string, Entry>();
    for (const entry of entries) {
      const { id } = entry.call;
      const gone = here.gone.get(id);
      const isStopped = gone?.removal === 'untracked' && covers(gone, entry.call);
      if (!isStopped) there.set(id, entry);
      else if (!this.#isNewerHere(id, here, mark)) this.#unsaved.add(id);
    }
    return there;
  }

  /** @returns for how many there was no room */
  #takeOver(there: ReadonlyMap<string, Entry>, here: RosterSlot, mark: number): number {
    const { mostCalls } = this.#options;
    if (here.calls.size === 0 && this.#held + there.size <= mostCalls) {
      reserve(here.calls, there.values());
    }
    let unheld = 0;
    for (const [id, { call, version }] of there) {
      const isFull = this.#held >= mostCalls;
      if (this.#isNewerHere(id, here, mark)) {
        const gone = here.gone.get(id);
        if (gone === undefined && isFull && !here.calls.has(id)) unheld++;
        // Unless it was tracked elsewhere since it left here, it stands as it does here.
        if (gone === undefined || covers(gone, call)) continue;
      } else {
        here.gone.delete(id); // it stands on the schedule, whatever was thought here
      }
      if (isFull && !here.calls.has(id)) unheld++;
      else if (here.calls.set(id, version)) this.#held++;
    }
    return unheld;
  }

  #setUnheld(slot: RosterSlot, unheld: number): void {
    const before = this.#unheld;
    this.#unheld += unheld - slot.unheld;
    slot.unheld = unheld;
    if ((before === 0) !== (this.#unheld === 0)) this.#options.onUnheld(this.#unheld);
  }

  #isNewerHere(id: string, slot: RosterSlot, mark: number): boolean {
    return this.#unsaved.has(id) || (slot.touched.get(id) ?? 0) > mark;
  }

  #touch(id: string): RosterSlot {
    const slot = this.#slotOf(id);
    slot.touched.set(id, ++this.#writes);
    slot.changed();
    return slot;
  }

  #slotOf(id: string): RosterSlot {
    return this.#slot(slotOf(id, this.#options.wheel));
  }

  #slot(slot: number): RosterSlot {
    const found = this.#slots[slot];
    if (!found) throw new RangeError(`there is no slot ${slot}`);
    return found;
  }
}

function reserve(calls: PackedMap, coming: Iterable<Entry>): void {
  let [count, length] = [0, 0];
  for (const { call, version } of coming) {
    count++;
    length += call.id.length + version.length;
  }
  calls.reserve(count, length);
}
