import {
  type Judging,
  judge,
  type OwnerRecord,
  ownerOf,
  ownerState,
  wasLostByMistake,
} from './owner.ts';
import type { OwnedCalls } from './owners.ts';
import { pieces } from './pieces.ts';
import type { CallRegistry, OwnerRegistry, SettledClock } from './ports.ts';
import type { CallRecord } from './record.ts';
import { ownerFound, ownerLost } from './words.ts';

export interface LeaseJudgeDeps {
  readonly owners: Pick<OwnerRegistry, 'update'>;
  /** The owners whose leases ran out, or were lost lately, as this replica knows them now. */
  readonly suspects: (now: number) => Iterable<OwnerRecord>;
  readonly calls: Pick<CallRegistry, 'update'>;
  readonly owned: OwnedCalls & {
    /** The ids of the owner's calls that were removed lately. */
    removedOf(ownerId: string): Promise<string[]>;
  };
  readonly clock: SettledClock;
  readonly judging: () => Omit<Judging, 'now'>;
  /** The calls of a lost owner were stopped. */
  readonly onLost: (owner: OwnerRecord, calls: number) => void;
}

/** Calls that are stopped at once. */
const BATCH_SIZE = 500;

/**
 * Judges leases: notes which have run out, and when the grace has passed as well, stops the calls
 * of their owners. A loss is noted first. If the judge dies then, the next one finds the loss with
 * calls that are still tracked, and stops them.
 */
export class LeaseJudge {
  readonly #deps: LeaseJudgeDeps;
  /** What was done about a loss, by owner: not to be looked for again in every pass. */
  readonly #done = new Map<string, string>();

  constructor(deps: LeaseJudgeDeps) {
    this.#deps = deps;
  }

  /** To be called by one replica at a time, with owners that are up to date. */
  async pass(): Promise<void> {
    const { owners, suspects, clock, judging } = this.#deps;
    const decide = (current: OwnerRecord) => judge(current, { ...judging(), now: clock.now() });
    const found = [...suspects(clock.now())];
    const running = found.filter((owner) => decide(owner) !== null);
    const judged = await owners.update(running.map(({ id }) => ({ id, decide })));
    const now = new Map(found.map((owner) => [owner.id, owner]));
    for (const { after } of judged) now.set(after.id, after);
    for (const owner of now.values()) {
      if (ownerState(owner) === 'lost') await this.#stopCalls(owner);
      else if (wasLostByMistake(owner)) await this.#takeBack(owner);
    }
    for (const id of this.#done.keys()) if (!now.has(id)) this.#done.delete(id);
  }

  async #stopCalls(lost: OwnerRecord): Promise<void> {
    const { owned, clock, onLost } = this.#deps;
    const { id, loss } = lost;
    if (loss === null || !this.#isNews(id, `lost/${loss.at}/${owned.count(id)}`)) return;
    const owner = { ...ownerOf(id), lostAt: loss.at };
    const ids = await owned.idsOf(id);
    await this.#update(ids, (current) => ownerLost(current, owner, clock.now()));
    onLost(lost, ids.length);
    this.#isNews(id, `lost/${loss.at}/${owned.count(id)}`);
  }

  async #takeBack({ id, loss }: OwnerRecord): Promise<void> {
    if (!this.#isNews(id, `back/${loss?.at}`)) return;
    const owner = ownerOf(id);
    await this.#update(await this.#deps.owned.removedOf(id), (current) =>
      ownerFound(current, owner),
    );
  }

  async #update(ids: readonly string[], decide: (current: CallRecord) => CallRecord | null) {
    for (const some of pieces(ids, BATCH_SIZE)) {
      await this.#deps.calls.update(some.map((id) => ({ id, decide })));
    }
  }

  #isNews(id: string, what: string): boolean {
    if (this.#done.get(id) === what) return false;
    this.#done.set(id, what);
    return true;
  }
}
