import { type Owner, type OwnerState, ownerId } from '../calls/owner.ts';
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

/** The owners that the query asks for, sorted by name. */
export function pageOf(
  owners: readonly Owner[],
  { app, state, limit, after = '' }: OwnerQuery,
  visibleApps: VisibleApps,
): OwnerPage {
  const wanted = owners
    .filter((owner) => isWithin(visibleApps, owner.app))
    .filter((owner) => app === undefined || owner.app === app)
    .filter((owner) => state === undefined || owner.state === state)
    .map((owner) => ({ id: ownerId(owner), owner }))
    .filter(({ id }) => id > after)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const page = wanted.slice(0, limit);
  const last = page.at(-1);
  const next = last && wanted.length > limit ? last.id : null;
  return { owners: page.map(({ owner }) => owner), next };
}
