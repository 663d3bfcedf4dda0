import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { removedOf } from '../../src/calls/record.ts';
import { slotOf, type Wheel } from '../../src/calls/wheel.ts';
import { decodeRecord } from '../../src/store/record-codec.ts';
import type { SharedRegistry, Write } from '../../src/store/shared-registry.ts';

type Operation = 'read' | 'find' | 'write';

/** The shared registry in a Map, with hooks for faults. */
export class FakeRedis implements SharedRegistry {
  texts = new Map<string, string>();
  /** What was published, oldest first. */
  readonly published: { type: string; name: string; id: string }[] = [];
  readonly #wheel: Wheel;
  isAway = false;
  /** Runs before each operation, which rejects if it throws. */
  before: (op: Operation) => void | Promise<void> = () => undefined;
  /** Runs after each write; if it throws, the caller does not learn that the write succeeded. */
  afterWrite: () => void | Promise<void> = () => undefined;

  constructor(wheel: Wheel) {
    this.#wheel = wheel;
  }

  async readSlot(slot: number): Promise<Map<string, string>> {
    await this.#start('read');
    return this.#in(slot, false);
  }

  async trackedIds(slot: number): Promise<string[]> {
    return [...(await this.readSlot(slot)).keys()];
  }

  async removedSince(slot: number, since: number): Promise<string[]> {
    await this.#start('read');
    return [...this.#in(slot, true, since).keys()];
  }

  async read(ids: readonly string[]): Promise<string[]> {
    await this.#start('find');
    return ids.map((id) => this.texts.get(id) ?? '');
  }

  async write(writes: readonly Write[]): Promise<(true | string)[]> {
    await this.#start('write');
    const stands = writes.map((write) => this.#writeOne(write));
    await this.afterWrite();
    return stands;
  }

  async prune(slot: number, before: number): Promise<void> {
    const kept = this.#in(slot, true, before);
    for (const id of this.#in(slot, true).keys()) if (!kept.has(id)) this.texts.delete(id);
  }

  #writeOne({ id, expected, text, announcements }: Write): true | string {
    const stands = this.texts.get(id) ?? '';
    if (stands !== expected) return stands;
    if (text !== '') this.texts.set(id, text);
    for (const one of announcements) this.published.push({ ...one, id });
    return true;
  }

  #in(slot: number, isRemoved: boolean, since = Number.NEGATIVE_INFINITY): Map<string, string> {
    const found = [...this.texts].filter(([id, text]) => {
      if (slotOf(id, this.#wheel) !== slot) return false;
      const removed = removedOf(decodeRecord(id, text));
      return isRemoved ? removed !== null && removed.at >= since : removed === null;
    });
    return new Map(found);
  }

  async #start(op: Operation): Promise<void> {
    await this.before(op);
    if (this.isAway) throw new StoreUnavailableError('away');
  }
}
