import { type GoneCall, isTombstone } from '../calls/call.ts';
import type { CallStore, Change, Entry, WriteResult } from '../calls/ports.ts';
import { giveWay } from './give-way.ts';
import type { Roster } from './roster.ts';

/** The store in Redis; the roster learns from all that passes through. */
export class MirroredStore implements CallStore {
  readonly #store: CallStore;
  readonly #roster: Roster;

  constructor(store: CallStore, roster: Roster) {
    this.#store = store;
    this.#roster = roster;
  }

  /**
   * What Redis has lost stays in the roster: a call leaves it only where it has
   * left the schedule, and whoever took it off knew it: otherwise nobody was told.
   */
  async readSlot(slot: number): Promise<Entry[]> {
    const mark = this.#roster.mark();
    const entries = await this.#store.readSlot(slot);
    const missing = this.#roster.missing(slot, entries, mark);
    const left = await this.#store.findGone(missing);
    for (const [i, id] of missing.entries()) {
      const gone = left[i] ?? null;
      if (gone === null || isTombstone(gone)) this.#roster.keep(id);
    }
    await giveWay(entries.length);
    this.#roster.replaceSlot(slot, entries, mark);
    return entries;
  }

  async write(changes: readonly Change[]): Promise<WriteResult[]> {
    const results = await this.#store.write(changes);
    for (const [i, change] of changes.entries()) {
      // What Redis has yet to learn of stands here until both have been brought together.
      const result = results[i];
      if (result?.done && !this.#roster.isUnsaved(change.id)) {
        this.#roster.apply(change, result.version);
      }
    }
    return results;
  }

  /** A call that Redis has lost, but is known here, stays in the roster until its stop is told of. */
  async stopUnknown(gone: GoneCall): Promise<boolean> {
    const done = await this.#store.stopUnknown(gone);
    if (!done) return false;
    if (isTombstone(gone) && this.#roster.peek(gone.id) !== null) this.#roster.keep(gone.id);
    else this.#roster.remove(gone);
    return true;
  }

  find(ids: readonly string[]): Promise<(Entry | null)[]> {
    return this.#store.find(ids);
  }

  findGone(ids: readonly string[]): Promise<(GoneCall | null)[]> {
    return this.#store.findGone(ids);
  }

  readGone(slot: number): Promise<GoneCall[]> {
    return this.#store.readGone(slot);
  }

  async forgetGone(slot: number, before: number): Promise<void> {
    await this.#store.forgetGone(slot, before);
    await this.#roster.forgetGone(slot, before);
  }
}
