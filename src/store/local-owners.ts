import {
  describeOwner,
  type Judging,
  type Owner,
  type OwnerRecord,
  ownerState,
} from '../calls/owner.ts';
import type { Clock } from '../calls/ports.ts';
import type { LocalRegistry } from './local-registry.ts';
import type { Membership } from './membership.ts';
import type { LocalOwnedCalls } from './owned-calls.ts';
import { isInDoubt, needsJudge } from './owner-codec.ts';

export interface LocalOwnersOptions {
  readonly local: LocalRegistry<OwnerRecord>;
  /** Slots of the registry of owners. */
  readonly slots: number;
  readonly owned: Pick<LocalOwnedCalls, 'count' | 'owners'>;
  readonly membership: Pick<Membership, 'servedSince'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly skewMs: number;
  readonly graceMs: number;
}

/** The owners that this replica knows, as of now. */
export class LocalOwners {
  readonly #options: LocalOwnersOptions;

  constructor(options: LocalOwnersOptions) {
    this.#options = options;
  }

  /** What leases are judged by. */
  judging(): Omit<Judging, 'now'> {
    const { membership, clock, graceMs } = this.#options;
    return { servedSince: membership.servedSince ?? clock.now(), graceMs };
  }

  describe(record: OwnerRecord): Owner {
    return describeOwner(record, this.#options.owned.count(record.id), this.judging());
  }

  /** How many owners have a lease. */
  countLeases(): number {
    const { local, slots } = this.#options;
    let count = 0;
    for (let slot = 0; slot < slots; slot++) count += local.tracked(slot).size;
    return count;
  }

  /** For the metrics: how many owners have a lease, and how many of the leases have lapsed. */
  count(): { readonly owners: number; readonly lapsed: number } {
    const { local } = this.#options;
    const lapsed = this.inDoubt().filter((id) => ownerState(local.get(id)) === 'lapsed');
    return { owners: this.countLeases(), lapsed: lapsed.length };
  }

  /** The owners with a lease that is not active. */
  inDoubt(): string[] {
    return [...this.#leased()].filter(({ text }) => isInDoubt(text)).map(({ id }) => id);
  }

  /** The owners that the judge has to look at. */
  *suspects(now: number): Iterable<OwnerRecord> {
    const { local, owned, skewMs } = this.#options;
    for (const { id, text } of this.#leased()) {
      if (needsJudge(text, now, skewMs)) yield local.get(id);
    }
    // Of the many removed owners, only those that still have calls need work.
    for (const id of owned.owners()) if (local.isRemoved(id)) yield local.get(id);
  }

  *#leased(): Iterable<{ readonly id: string; readonly text: string }> {
    const { local, slots } = this.#options;
    for (let slot = 0; slot < slots; slot++) {
      for (const [id, text] of local.tracked(slot)) yield { id, text };
    }
  }
}
