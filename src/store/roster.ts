import type { Call, GoneCall } from '../calls/call.ts';
import { deadlineAt } from '../calls/deadline.ts';
import type { CallStore, Change, Entry, WriteResult } from '../calls/ports.ts';
import { slotOf, type Wheel } from '../calls/wheel.ts';
import { decodeCall, encodeCall } from './codec.ts';

/** What the roster knows of all calls at an instant. */
export interface RosterSummary {
  readonly tracked: number;
  /** With at least one failure since their last success. */
  readonly failing: number;
  /** Their margin is under a third of the deadline. */
  readonly atRisk: number;
  /** Of the call nearest to its deadline; null where there is no call. */
  readonly nearestDeadlineAt: number | null;
}

interface Slot {
  /** id → the call as encoded for Redis: a fifth of the memory of an object. */
  calls: Map<string, string>;
  /** What was written here since the last whole read began, by the count of writes. */
  touched: Map<string, number>;
  summary: { failing: number; nearestDeadlineAt: number } | null;
}

/**
 * A replica's own copy of the wheel in memory: what it goes by when Redis does
 * not answer, and what its metrics are read from. It is a store like the one in
 * Redis, with the same versions.
 */
export class Roster implements CallStore {
  readonly #wheel: Wheel;
  readonly #deadlineMs: number;
  readonly #slots: Slot[];
  readonly #gone = new Map<string, GoneCall>();
  #writes = 0;

  constructor(wheel: Wheel, deadlineMs: number) {
    this.#wheel = wheel;
    this.#deadlineMs = deadlineMs;
    this.#slots = Array.from({ length: wheel.slots }, () => ({
      calls: new Map(),
      touched: new Map(),
      summary: null,
    }));
  }

  async readSlot(slot: number): Promise<Entry[]> {
    return [...this.#slot(slot).calls].map(([id, version]) => toEntry(id, version));
  }

  async find(ids: readonly string[]): Promise<(Entry | null)[]> {
    return ids.map((id) => this.peek(id));
  }

  async findGone(id: string): Promise<GoneCall | null> {
    return this.#gone.get(id) ?? null;
  }

  async readGone(slot: number): Promise<GoneCall[]> {
    return [...this.#gone.values()].filter(({ id }) => slotOf(id, this.#wheel) === slot);
  }

  async forgetGone(_slot: number, before: number): Promise<void> {
    for (const [id, call] of this.#gone) if (call.goneAt < before) this.#gone.delete(id);
  }

  async write(changes: readonly Change[]): Promise<WriteResult[]> {
    return changes.map((change) => {
      const current = this.peek(change.id);
      if ((current?.version ?? null) !== change.expected) return { done: false, current };
      this.apply(change);
      return { done: true };
    });
  }

  peek(id: string): Entry | null {
    const version = this.#slotOf(id).calls.get(id);
    return version === undefined ? null : toEntry(id, version);
  }

  /** Takes over a change that was written elsewhere, whatever stands here. */
  apply(change: Change): void {
    if ('gone' in change) this.remove(change.gone);
    else this.put(change.next);
  }

  put(call: Call): void {
    const slot = this.#touch(call.id);
    slot.calls.set(call.id, encodeCall(call));
    this.#gone.delete(call.id);
  }

  remove(call: GoneCall): void {
    this.#touch(call.id).calls.delete(call.id);
    this.#gone.set(call.id, call);
  }

  /** To be taken before a slot is read elsewhere, and given to {@link replaceSlot}. */
  mark(): number {
    return this.#writes;
  }

  /** Takes over a slot as it was read elsewhere; what was written here since the mark stands. */
  replaceSlot(slot: number, entries: readonly Entry[], mark: number): void {
    const here = this.#slot(slot);
    const calls = new Map(entries.map(({ call, version }) => [call.id, version]));
    for (const [id, write] of here.touched) {
      if (write <= mark) {
        here.touched.delete(id);
        continue;
      }
      const kept = here.calls.get(id);
      if (kept === undefined) calls.delete(id);
      else calls.set(id, kept);
    }
    here.calls = calls;
    here.summary = null;
  }

  summary(now: number): RosterSummary {
    let tracked = 0;
    let failing = 0;
    let atRisk = 0;
    let nearest = Infinity;
    for (const slot of this.#slots) {
      if (slot.calls.size === 0) continue;
      slot.summary ??= this.#summarise(slot);
      tracked += slot.calls.size;
      failing += slot.summary.failing;
      nearest = Math.min(nearest, slot.summary.nearestDeadlineAt);
      if (slot.summary.nearestDeadlineAt - now < this.#deadlineMs / 3) {
        atRisk += this.#countAtRisk(slot, now);
      }
    }
    return { tracked, failing, atRisk, nearestDeadlineAt: tracked > 0 ? nearest : null };
  }

  #summarise(slot: Slot) {
    let failing = 0;
    let nearestDeadlineAt = Infinity;
    for (const [id, version] of slot.calls) {
      const call = decodeCall(id, version);
      if (call.consecutiveFailures > 0) failing++;
      nearestDeadlineAt = Math.min(nearestDeadlineAt, deadlineAt(call, this.#deadlineMs));
    }
    return { failing, nearestDeadlineAt };
  }

  #countAtRisk(slot: Slot, now: number): number {
    let count = 0;
    for (const [id, version] of slot.calls) {
      const margin = deadlineAt(decodeCall(id, version), this.#deadlineMs) - now;
      if (margin < this.#deadlineMs / 3) count++;
    }
    return count;
  }

  #touch(id: string): Slot {
    const slot = this.#slotOf(id);
    slot.touched.set(id, ++this.#writes);
    slot.summary = null;
    return slot;
  }

  #slotOf(id: string): Slot {
    return this.#slot(slotOf(id, this.#wheel));
  }

  #slot(slot: number): Slot {
    const found = this.#slots[slot];
    if (!found) throw new RangeError(`there is no slot ${slot}`);
    return found;
  }
}

function toEntry(id: string, version: string): Entry {
  return { call: decodeCall(id, version), version };
}
