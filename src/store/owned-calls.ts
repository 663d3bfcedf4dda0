import type { OwnedCalls } from '../owners/owners.ts';
import { BATCH_SIZE, yieldToEventLoop } from './event-loop.ts';
import type { LocalRegistry } from './local-registry.ts';
import { readOwner } from './record-codec.ts';

/** The calls of owners in the local registry, counted as they change. */
export class LocalOwnedCalls implements OwnedCalls {
  readonly #local: LocalRegistry;
  readonly #slots: number;
  readonly #counts = new Map<string, number>();

  /** @param local still empty */
  constructor(local: LocalRegistry, slots: number) {
    this.#local = local;
    this.#slots = slots;
    local.onChange((before, after) => this.#onChange(before, after));
  }

  count(ownerId: string): number {
    return this.#counts.get(ownerId) ?? 0;
  }

  owners(): Iterable<string> {
    return this.#counts.keys();
  }

  idsOf(ownerIds: ReadonlySet<string>): Promise<Map<string, string[]>> {
    const owners = [...ownerIds].filter((id) => this.count(id) > 0);
    return this.#find(new Set(owners), 'tracked');
  }

  removedOf(ownerIds: ReadonlySet<string>): Promise<Map<string, string[]>> {
    return this.#find(ownerIds, 'removed');
  }

  #onChange(before: string, after: string): void {
    const [from, to] = [readOwner(before), readOwner(after)];
    if (from === to) return;
    this.#add(from, -1);
    this.#add(to, 1);
  }

  #add(ownerId: string, change: number): void {
    if (ownerId === '') return;
    const count = this.count(ownerId) + change;
    if (count > 0) this.#counts.set(ownerId, count);
    else this.#counts.delete(ownerId);
  }

  async #find(ownerIds: ReadonlySet<string>, which: 'tracked' | 'removed') {
    const found = new Map<string, string[]>();
    let read = 0;
    for (let slot = 0; slot < this.#slots && ownerIds.size > 0; slot++) {
      for (const [id, text] of this.#local[which](slot)) {
        if (++read % BATCH_SIZE === 0) await yieldToEventLoop(BATCH_SIZE);
        const owner = readOwner(text);
        if (!ownerIds.has(owner)) continue;
        const ids = found.get(owner);
        if (ids) ids.push(id);
        else found.set(owner, [id]);
      }
    }
    return found;
  }
}
