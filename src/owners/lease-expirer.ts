import { batchesOf } from '../calls/batches-of.ts';
import {
  endOf,
  expireLease,
  type LeaseContext,
  type OwnerRecord,
  ownerOf,
  wasLostByMistake,
} from '../calls/owner.ts';
import type { CallRegistry, OwnerRegistry, SettledClock } from '../calls/ports.ts';
import type { CallRecord } from '../calls/record.ts';
import { ownerEnded, ownerFound } from '../calls/record-changes.ts';
import type { OwnedCalls } from './owners.ts';

export interface LeaseExpirerDeps {
  readonly owners: Pick<OwnerRegistry, 'update' | 'get'>;
  readonly suspects: (now: number) => Iterable<OwnerRecord>;
  readonly calls: Pick<CallRegistry, 'update'>;
  readonly owned: OwnedCalls & {
    /** The ids of lately removed calls, by the id of their owner. */
    removedOf(ownerIds: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly string[]>>;
  };
  readonly clock: SettledClock;
  /** A timestamp further in the future comes from a wrong clock. */
  readonly skewMs: number;
  readonly leaseContext: () => Omit<LeaseContext, 'now'>;
  readonly onLost: (owner: OwnerRecord, calls: number) => void;
}

const BATCH_SIZE = 500;

/**
 * Expires leases: records a lapse when a lease runs out, and a loss when the grace has passed too.
 * It records the loss before it stops the owner's calls: if this replica dies in between, the next
 * one finds a lost owner with tracked calls and stops them. It also stops calls of a dropped owner
 * that the replica which dropped it did not know.
 */
export class LeaseExpirer {
  readonly #deps: LeaseExpirerDeps;
  /** The state of each owner that needs no more work, so that a pass skips it. */
  readonly #done = new Map<string, string>();

  constructor(deps: LeaseExpirerDeps) {
    this.#deps = deps;
  }

  /**
   * Only one replica at a time may call this, after it has synced its owners.
   *
   * @param goesOn called before each batch of calls: whether this replica still holds the lock
   */
  async pass(goesOn: () => Promise<boolean> = async () => true): Promise<void> {
    const { owners, suspects, clock, leaseContext, owned } = this.#deps;
    const decide = (current: OwnerRecord) =>
      expireLease(current, { ...leaseContext(), now: clock.now() });
    const found = [...suspects(clock.now())];
    const checked = await owners.update(found.map(({ id }) => ({ id, decide })));
    const now = checked.map(({ after }) => after);
    const ended = now.filter((owner) => endOf(owner) !== null && this.#needsWork(owner));
    const mistaken = now.filter((owner) => wasLostByMistake(owner) && this.#needsWork(owner));
    const callsOf = await owned.idsOf(new Set(ended.map(({ id }) => id)));
    for (const owner of ended) await this.#stopCalls(owner, callsOf.get(owner.id) ?? [], goesOn);
    const removedOf = await owned.removedOf(new Set(mistaken.map(({ id }) => id)));
    for (const owner of mistaken)
      await this.#takeBack(owner, removedOf.get(owner.id) ?? [], goesOn);
    const ids = new Set(now.map(({ id }) => id));
    for (const id of this.#done.keys()) if (!ids.has(id)) this.#done.delete(id);
  }

  async #stopCalls(owner: OwnerRecord, ids: readonly string[], goesOn: () => Promise<boolean>) {
    const { owners, clock, skewMs, onLost } = this.#deps;
    const stopped = await this.#update(ids, goesOn, (current) => {
      // A renewal that another replica accepted may have arrived meanwhile.
      const end = endOf(owners.get(owner.id));
      const ended = end && { ...ownerOf(owner.id), ...end };
      return ended && ownerEnded(current, ended, { now: clock.now(), skewMs });
    });
    if (stopped === null) return;
    if (stopped > 0 && endOf(owner)?.reason === 'owner-lost') onLost(owner, stopped);
    this.#note(owner);
  }

  async #takeBack(owner: OwnerRecord, ids: readonly string[], goesOn: () => Promise<boolean>) {
    const { owners } = this.#deps;
    const done = await this.#update(ids, goesOn, (current) =>
      wasLostByMistake(owners.get(owner.id)) ? ownerFound(current, ownerOf(owner.id)) : null,
    );
    if (done !== null) this.#note(owner);
  }

  /** Returns how many calls were changed; null if another replica holds the lock now. */
  async #update(
    ids: readonly string[],
    goesOn: () => Promise<boolean>,
    decide: (current: CallRecord) => CallRecord | null,
  ): Promise<number | null> {
    let count = 0;
    for (const some of batchesOf(ids, BATCH_SIZE)) {
      if (!(await goesOn())) return null;
      const changed = await this.#deps.calls.update(some.map((id) => ({ id, decide })));
      count += changed.filter(({ before, after }) => before !== after).length;
    }
    return count;
  }

  #needsWork(owner: OwnerRecord): boolean {
    return this.#done.get(owner.id) !== this.#state(owner);
  }

  #note(owner: OwnerRecord): void {
    this.#done.set(owner.id, this.#state(owner));
  }

  /** If this changes, the owner needs work again. */
  #state(owner: OwnerRecord): string {
    const end = endOf(owner);
    return `${end?.reason}/${end?.at ?? owner.loss?.at}/${this.#deps.owned.count(owner.id)}`;
  }
}
