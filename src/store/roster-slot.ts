import type { GoneCall } from '../calls/call.ts';
import { Digester, type SlotDigest } from '../calls/digest.ts';
import type { Entry } from '../calls/ports.ts';
import { decodeCall } from './codec.ts';

/** A pause is offered after so many calls: about half a millisecond. */
const PIECE = 250;

/** One slot of the roster. */
export class RosterSlot {
  /** id → the call as encoded for Redis, which takes less memory than an object. */
  calls = new Map<string, string>();
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
    return [...this.calls].map(([id, version]) => ({ call: decodeCall(id, version), version }));
  }

  find(id: string): Entry | null {
    const version = this.calls.get(id);
    return version === undefined ? null : { call: decodeCall(id, version), version };
  }

  changed(): void {
    this.#digest = null;
    this.#changes++;
  }

  /**
   * Counts the calls, with a pause at each `yield`. What changes in a pause may be
   * counted or not, and the next time all are counted anew.
   */
  *digesting(deadlineMs: number): Generator<undefined, SlotDigest, undefined> {
    if (this.#digest) return this.#digest;
    const changes = this.#changes;
    const digester = new Digester(deadlineMs);
    let read = 0;
    for (const [id, version] of this.calls) {
      digester.add(decodeCall(id, version));
      if (++read % PIECE === 0) yield;
    }
    const digest = digester.done();
    if (changes === this.#changes) this.#digest = digest;
    return digest;
  }
}
