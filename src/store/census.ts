import { deadlineAt } from '../calls/deadline.ts';
import { Digester, type SlotDigest } from '../overview/digest.ts';
import { type Summary, summarise } from '../overview/tally.ts';
import { BATCH_SIZE, yieldToEventLoop } from './event-loop.ts';
import type { LocalRegistry } from './local-registry.ts';
import { readHead } from './record-codec.ts';

interface Counted {
  readonly version: number;
  readonly digest: SlotDigest;
}

/** Counts the calls of the local registry; it reads only the slots that have changed. */
export class Census {
  readonly #local: LocalRegistry;
  readonly #slots: number;
  readonly #deadlineMs: number;
  readonly #counted: (Counted | undefined)[] = [];

  constructor(local: LocalRegistry, slots: number, deadlineMs: number) {
    this.#local = local;
    this.#slots = slots;
    this.#deadlineMs = deadlineMs;
  }

  async summaries(now: number): Promise<ReadonlyMap<string, Summary>> {
    return summarise(await this.digests(), now, this.#deadlineMs);
  }

  /** By slot. A long count yields to the event loop. */
  async digests(): Promise<SlotDigest[]> {
    const digests: SlotDigest[] = [];
    let read = 0;
    for (let slot = 0; slot < this.#slots; slot++) {
      digests.push(await this.#digest(slot));
      read += this.#local.tracked(slot).size;
      if (read < BATCH_SIZE) continue;
      await yieldToEventLoop(read);
      read = 0;
    }
    return digests;
  }

  async #digest(slot: number): Promise<SlotDigest> {
    const version = this.#local.version(slot);
    const counted = this.#counted[slot];
    if (counted?.version === version) return counted.digest;
    const digester = new Digester();
    let read = 0;
    for (const [id, text] of this.#local.tracked(slot)) {
      const head = readHead(text);
      const isFailing = head.failedAt !== null;
      digester.add({
        id,
        app: head.app,
        deadlineAt: deadlineAt(head, this.#deadlineMs),
        isFailing,
      });
      if (++read % BATCH_SIZE === 0) await yieldToEventLoop(BATCH_SIZE);
    }
    const digest = digester.done();
    // Changes during a yield are counted the next time.
    this.#counted[slot] = { version, digest };
    return digest;
  }
}
