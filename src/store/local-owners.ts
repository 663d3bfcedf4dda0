import {
  describeOwner,
  type LeaseContext,
  type Owner,
  type OwnerRecord,
  ownerOf,
  ownerState,
} from '../calls/owner.ts';
import type { Clock } from '../calls/ports.ts';
import type { LocalRegistry } from './local-registry.ts';
import type { Membership } from './membership.ts';
import type { LocalOwnedCalls } from './owned-calls.ts';
import { isInDoubt, needsLeaseCheck } from './owner-codec.ts';

export interface LocalOwnersOptions {
  readonly local: LocalRegistry<OwnerRecord>;
  readonly slots: number;
  readonly owned: Pick<LocalOwnedCalls, 'count' | 'owners'>;
  readonly membership: Pick<Membership, 'servedSince'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly skewMs: number;
  readonly graceMs: number;
}

/** How old a count by app may be, in ms. */
const COUNT_MS = 1_000;

export class LocalOwners {
  readonly #options: LocalOwnersOptions;
  #counted: { readonly at: number; readonly byApp: ReadonlyMap<string, number> } = {
    at: Number.NEGATIVE_INFINITY,
    byApp: new Map(),
  };

  constructor(options: LocalOwnersOptions) {
    this.#options = options;
  }

  /** What decides whether a lease has run out. */
  leaseContext(): Omit<LeaseContext, 'now'> {
    const { membership, clock, graceMs } = this.#options;
    return { servedSince: membership.servedSince ?? clock.now(), graceMs };
  }

  describe(record: OwnerRecord): Owner {
    return describeOwner(record, this.#options.owned.count(record.id), this.leaseContext());
  }

  countLeases(): number {
    const { local, slots } = this.#options;
    let count = 0;
    for (let slot = 0; slot < slots; slot++) count += local.tracked(slot).size;
    return count;
  }

  /** Up to a second old, because counting reads all ids. */
  countLeasesOf(app: string): number {
    const now = performance.now();
    if (now - this.#counted.at >= COUNT_MS) this.#counted = { at: now, byApp: this.#countByApp() };
    return this.#counted.byApp.get(app) ?? 0;
  }

  count(): { readonly owners: number; readonly lapsed: number } {
    const { local } = this.#options;
    const lapsed = this.inDoubt().filter((id) => ownerState(local.get(id)) === 'lapsed');
    return { owners: this.countLeases(), lapsed: lapsed.length };
  }

  /** The owners with a lease that is not active. */
  inDoubt(): string[] {
    return [...this.#leased()].filter(({ text }) => isInDoubt(text)).map(({ id }) => id);
  }

  /** The owners whose leases are due for a check. */
  *suspects(now: number): Iterable<OwnerRecord> {
    const { local, owned, skewMs } = this.#options;
    for (const { id, text } of this.#leased()) {
      if (needsLeaseCheck(text, now, skewMs)) yield local.get(id);
    }
    // Of the many removed owners, only those that still have calls need work.
    for (const id of owned.owners()) if (local.isRemoved(id)) yield local.get(id);
  }

  #countByApp(): ReadonlyMap<string, number> {
    const byApp = new Map<string, number>();
    for (const { id } of this.#leased()) {
      const { app } = ownerOf(id);
      byApp.set(app, (byApp.get(app) ?? 0) + 1);
    }
    return byApp;
  }

  *#leased(): Iterable<{ readonly id: string; readonly text: string }> {
    const { local, slots } = this.#options;
    for (let slot = 0; slot < slots; slot++) {
      for (const [id, text] of local.tracked(slot)) yield { id, text };
    }
  }
}
