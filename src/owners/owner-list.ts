import { batchesOf } from '../calls/batches-of.ts';
import { type Owner, type OwnerRecord, type OwnerState, ownerId, ownerOf } from '../calls/owner.ts';
import type { Clock, OwnerRegistry } from '../calls/ports.ts';
import { isWithin, type VisibleApps } from '../calls/principal.ts';

export interface OwnerQuery {
  readonly app?: string | undefined;
  readonly state?: OwnerState | undefined;
  readonly limit: number;
  /** The `next` of the previous page. */
  readonly after?: string | undefined;
}

export interface OwnerPage {
  readonly owners: readonly Owner[];
  /** The id of the last owner of this page; null on the last page. */
  readonly next: string | null;
}

export interface OwnerListDeps {
  readonly registry: Pick<OwnerRegistry, 'readIds' | 'read'>;
  /** The number of slots in the registry of owners. */
  readonly slots: number;
  /** The ids of the owners that have calls. */
  readonly withCalls: () => Iterable<string>;
  readonly present: (record: OwnerRecord) => Owner;
  readonly clock: Pick<Clock, 'sleep'>;
}

const SORTED_AT_ONCE = 5_000;
const READ_AT_ONCE = 250;

/**
 * Lists owners in pages, sorted by name. There may be 100,000, so it sorts and filters ids, reads
 * records only until the page is full, and yields to the event loop in between.
 */
export class OwnerList {
  readonly #deps: OwnerListDeps;

  constructor(deps: OwnerListDeps) {
    this.#deps = deps;
  }

  async page(query: OwnerQuery, visibleApps: VisibleApps): Promise<OwnerPage> {
    const { registry, present, clock } = this.#deps;
    const { limit, state } = query;
    const owners: Owner[] = [];
    // Only the record has the state, so most of the records read may not be on the page.
    const batchSize = state === undefined ? limit + 1 : READ_AT_ONCE;
    for (const ids of mergeSorted(await this.#candidates(query, visibleApps), batchSize)) {
      const some = (await registry.read(ids)).map(present);
      owners.push(...some.filter((owner) => isAskedFor(owner, query)));
      if (owners.length > limit) break;
      await clock.sleep(0);
    }
    const page = owners.slice(0, limit);
    const last = page.at(-1);
    return { owners: page, next: last && owners.length > limit ? ownerId(last) : null };
  }

  /** Sorted lists of ids, each of which is short. */
  async #candidates(query: OwnerQuery, visibleApps: VisibleApps): Promise<string[][]> {
    const { registry, slots, withCalls, clock } = this.#deps;
    const isLost = query.state === 'lost';
    const lists: string[][] = [];
    for (const ids of batchesOf(isLost ? [] : [...withCalls()], SORTED_AT_ONCE)) {
      lists.push(candidatesIn(ids, query, visibleApps));
      await clock.sleep(0);
    }
    for (let slot = 0; slot < slots; slot++) {
      const ids = await registry.readIds(slot, isLost ? 'removed' : 'tracked');
      lists.push(candidatesIn(ids, query, visibleApps));
      await clock.sleep(0);
    }
    return lists;
  }
}

/** The ids that may be on the page or after it, sorted. */
function candidatesIn(
  ids: readonly string[],
  { app, after = '' }: OwnerQuery,
  visibleApps: VisibleApps,
): string[] {
  const isCandidate = (id: string) => {
    if (id <= after) return false;
    const owner = ownerOf(id).app;
    return isWithin(visibleApps, owner) && (app === undefined || owner === app);
  };
  return ids.filter(isCandidate).sort();
}

/** Lost owners, and owners without a lease and calls, are listed only if the query asks for them. */
function isAskedFor({ state, tracked }: Owner, query: OwnerQuery): boolean {
  if (query.state !== undefined && state !== query.state) return false;
  return tracked > 0 || state === 'active' || state === 'lapsed' || query.state === 'lost';
}

/** Merges sorted lists into one without repeats, in batches. */
function* mergeSorted(lists: readonly string[][], batchSize: number): Iterable<string[]> {
  const places = lists.map(() => 0);
  let batch: string[] = [];
  for (;;) {
    const heads = lists.map((list, i) => list[places[i] ?? 0]);
    const least = heads.reduce((a, b) => (b === undefined || (a ?? b) < b ? a : b), undefined);
    if (least !== undefined) batch.push(least);
    if (batch.length === batchSize || (least === undefined && batch.length > 0)) {
      yield batch;
      batch = [];
    }
    if (least === undefined) return;
    for (const [i, head] of heads.entries()) if (head === least) places[i] = (places[i] ?? 0) + 1;
  }
}
