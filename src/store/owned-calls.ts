import type { OwnedCalls } from '../calls/owners.ts';
import { giveWay, PIECE } from './give-way.ts';
import type { LocalRegistry } from './local-registry.ts';
import { readOwner } from './record-codec.ts';

/** Counts the tracked calls of each owner in the local registry. */
export class OwnerCounts {
  readonly #counts = new Map<string, number>();

  /** A call's text has changed; '' if it is not tracked. */
  moved(before: string, after: string): void {
    const [from, to] = [readOwner(before), readOwner(after)];
    if (from === to) return;
    this.#add(from, -1);
    this.#add(to, 1);
  }

  count(ownerId: string): number {
    return this.#counts.get(ownerId) ?? 0;
  }

  owners(): Iterable<string> {
    return this.#counts.keys();
  }

  #add(ownerId: string, change: number): void {
    if (ownerId === '') return;
    const count = this.count(ownerId) + change;
    if (count > 0) this.#counts.set(ownerId, count);
    else this.#counts.delete(ownerId);
  }
}

/** The calls of owners, from the local registry. */
export class LocalOwnedCalls implements OwnedCalls {
  readonly #local: LocalRegistry;
  readonly #slots: number;
  readonly #counts: OwnerCounts;

  /** @param counts told of each change of the registry */
  constructor(local: LocalRegistry, slots: number, counts: OwnerCounts) {
    this.#local = local;
    this.#slots = slots;
    this.#counts = counts;
  }

  count(ownerId: string): number {
    return this.#counts.count(ownerId);
  }

  owners(): Iterable<string> {
    return this.#counts.owners();
  }

  idsOf(ownerId: string): Promise<string[]> {
    return this.count(ownerId) === 0 ? Promise.resolve([]) : this.#find(ownerId, 'tracked');
  }

  removedOf(ownerId: string): Promise<string[]> {
    return this.#find(ownerId, 'removed');
  }

  async #find(ownerId: string, which: 'tracked' | 'removed'): Promise<string[]> {
    const ids: string[] = [];
    let read = 0;
    for (let slot = 0; slot < this.#slots; slot++) {
      for (const [id, text] of this.#local[which](slot)) {
        if (readOwner(text) === ownerId) ids.push(id);
        if (++read % PIECE === 0) await giveWay(PIECE);
      }
    }
    return ids;
  }
}
