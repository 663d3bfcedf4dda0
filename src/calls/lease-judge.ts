import {
  endOf,
  type Judging,
  judge,
  type OwnerRecord,
  ownerOf,
  wasLostByMistake,
} from './owner.ts';
import type { OwnedCalls } from './owners.ts';
import { pieces } from './pieces.ts';
import type { CallRegistry, OwnerRegistry, SettledClock } from './ports.ts';
import type { CallRecord } from './record.ts';
import { ownerEnded, ownerFound } from './words.ts';

export interface LeaseJudgeDeps {
  readonly owners: Pick<OwnerRegistry, 'update' | 'get'>;
  /** The owners that need a look now, as this replica knows them. */
  readonly suspects: (now: number) => Iterable<OwnerRecord>;
  readonly calls: Pick<CallRegistry, 'update'>;
  readonly owned: OwnedCalls & {
    /** The ids of the calls of some owners that were removed lately, by the owner's id. */
    removedOf(ownerIds: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly string[]>>;
  };
  readonly clock: SettledClock;
  /** A word that lies further in the future was said by a clock that was wrong. */
  readonly skewMs: number;
  readonly judging: () => Omit<Judging, 'now'>;
  /** The calls of a lost owner were stopped. */
  readonly onLost: (owner: OwnerRecord, calls: number) => void;
}

/** Calls that are stopped at once. */
const BATCH_SIZE = 500;

/**
 * Judges leases: notes which have run out, and when the grace has passed as well, stops the calls
 * of their owners. A loss is noted first. If the judge dies then, the next one finds the loss with
 * calls that are still tracked, and stops them. The calls of an owner that was dropped by a request
 * are stopped likewise, as far as the replica that took the request did not know them.
 */
export class LeaseJudge {
  readonly #deps: LeaseJudgeDeps;
  /** What was done about an owner: not to be looked for again in every pass. */
  readonly #done = new Map<string, string>();

  constructor(deps: LeaseJudgeDeps) {
    this.#deps = deps;
  }

  /**
   * To be called by one replica at a time, with owners that are up to date.
   *
   * @param goesOn asked before each batch of calls: whether this replica is still the one
   */
  async pass(goesOn: () => Promise<boolean> = async () => true): Promise<void> {
    const { owners, suspects, clock, judging, owned } = this.#deps;
    const decide = (current: OwnerRecord) => judge(current, { ...judging(), now: clock.now() });
    const found = [...suspects(clock.now())];
    const judged = await owners.update(found.map(({ id }) => ({ id, decide })));
    const now = judged.map(({ after }) => after);
    const ended = now.filter((owner) => endOf(owner) !== null && this.#isNews(owner));
    const mistaken = now.filter((owner) => wasLostByMistake(owner) && this.#isNews(owner));
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
      // It may have turned out meanwhile that the owner is alive.
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

  /** Returns how many calls have changed; null if another replica judges now. */
  async #update(
    ids: readonly string[],
    goesOn: () => Promise<boolean>,
    decide: (current: CallRecord) => CallRecord | null,
  ): Promise<number | null> {
    let count = 0;
    for (const some of pieces(ids, BATCH_SIZE)) {
      if (!(await goesOn())) return null;
      const changed = await this.#deps.calls.update(some.map((id) => ({ id, decide })));
      count += changed.filter(({ before, after }) => before !== after).length;
    }
    return count;
  }

  #isNews(owner: OwnerRecord): boolean {
    return this.#done.get(owner.id) !== this.#state(owner);
  }

  #note(owner: OwnerRecord): void {
    this.#done.set(owner.id, this.#state(owner));
  }

  /** What there is to do about an owner changes with this. */
  #state(owner: OwnerRecord): string {
    const end = endOf(owner);
    return `${end?.reason}/${end?.at ?? owner.loss?.at}/${this.#deps.owned.count(owner.id)}`;
  }
}
