import type { GoneCall } from '../calls/call.ts';
import { Digester, type SlotDigest } from '../calls/digest.ts';
import type { Entry } from '../calls/ports.ts';
import { decodeCall } from './codec.ts';
import { giveWay, PIECE } from './give-way.ts';
import { PackedMap } from './packed-map.ts';

/** One slot of the roster. */
export class RosterSlot {
  /** id → the call as encoded for Redis, which takes less memory than an object. */
  readonly calls = new PackedMap();
  /** What was written here since the last whole read began, by the count of writes. */
  readonly touched = new Map<string, number>();
  /** Those that left lately, in the order in which they did. */
  readonly gone = new Map<string, GoneCall>();
  /** The mark of the last whole read that was taken over. */
  readAt = 0;
  /** How many calls of the slot were left out for want of room. */
  unheld = 0;
  /** Until the slot changes: to make it reads every call. */
  #digest: SlotDigest | null = null;
  #changes = 0;

  entries(): Entry[] {
    const entry = ([id, version]: [string, string]) => ({ call: decodeCall(id, version), version });
    return this.calls.entries().map(entry).toArray();
  }

  find(id: string): Entry | null {
    const version = this.calls.get(id);
    return version === undefined ? null : { call: decodeCall(id, version), version };
  }

  changed(): void {
    this.#digest = null;
    this.#changes++;
  }

  /** Counts the calls. What is put or leaves while it gives way may be counted or not; the next time all are counted anew. */
  async digest(deadlineMs: number): Promise<SlotDigest> {
    if (this.#digest) return this.#digest;
    const changes = this.#changes;
    const digester = new Digester(deadlineMs);
    let read = 0;
    // By their ids: entries that are replaced meanwhile might not be met.
    for (const id of this.calls.keys().toArray()) {
      const version = this.calls.get(id);
      if (version !== undefined) digester.add(decodeCall(id, version));
      if (++read % PIECE === 0) await giveWay(PIECE);
    }
    const digest = digester.done();
    if (changes === this.#changes) this.#digest = digest;
    return digest;
  }
}
