import {
  forgetAs,
  type GoneCall,
  isFor,
  isGone,
  isTombstone,
  joinEnds,
  tombstone,
} from '../calls/call.ts';
import type { CallStore, Change, Entry, WriteResult } from '../calls/ports.ts';
import { laterThan } from '../calls/registration.ts';
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
   * A call that Redis has lost stays in the roster. It leaves the roster only if
   * Redis has its removal record, so its event was published.
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

  /**
   * Redis may have lost a call that is known here. Then Redis gets only a tombstone for now, and
   * the stop stays unacknowledged until a sync writes and publishes it. If the stop does not apply
   * to the call that is known here, that call stays as it is.
   */
  async stopUnknown(gone: GoneCall): Promise<boolean> {
    const known = this.#roster.peek(gone.id)?.call ?? (await this.#untold(gone.id));
    if (known && !isFor(gone, known)) return this.#store.stopUnknown(gone);
    const isLost = known && (isTombstone(gone) || known.trackedAt > gone.trackedAt);
    if (!isLost) {
      const done = await this.#store.stopUnknown(gone);
      if (done) this.#roster.remove(gone);
      return done;
    }
    const registration = laterThan(known.registration, gone.registration);
    const { id, goneAt, resultInfo, onlyApps = null } = gone;
    const mark = { ...tombstone(id, registration, goneAt, onlyApps), resultInfo };
    if (!(await this.#store.stopUnknown(mark))) return false;
    this.#roster.keep(gone.id);
    this.#roster.remove(isGone(known) ? joinEnds(known, mark) : forgetAs(known, mark));
    return true;
  }

  async #untold(id: string): Promise<GoneCall | null> {
    if (!this.#roster.isUnsaved(id)) return null;
    const [gone = null] = await this.#roster.findGone([id]);
    return gone && !isTombstone(gone) ? gone : null;
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
