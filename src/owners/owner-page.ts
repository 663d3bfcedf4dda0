import { CursorError } from '../calls/listing.ts';
import { type Owner, type OwnerState, ownerId } from '../calls/owner.ts';
import { isWithin, type VisibleApps } from '../calls/principal.ts';

export interface OwnerQuery {
  readonly app?: string | undefined;
  readonly state?: OwnerState | undefined;
  readonly limit: number;
  /** The `next` of the previous page. */
  readonly cursor?: string | undefined;
}

export interface OwnerPage {
  readonly owners: readonly Owner[];
  readonly next: string | null;
}

/**
 * The id after which the page starts; '' for the first page.
 *
 * @throws CursorError if the cursor is not one
 */
export function startOf({ cursor }: OwnerQuery): string {
  return cursor === undefined ? '' : parseCursor(cursor);
}

/** The owners that the query asks for after an id, sorted by name. */
export function pageOf(
  owners: readonly Owner[],
  { app, state, limit }: OwnerQuery,
  visibleApps: VisibleApps,
  after: string,
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
  const next = last && wanted.length > limit ? formatCursor(last.id) : null;
  return { owners: page.map(({ owner }) => owner), next };
}

function parseCursor(text: string): string {
  const id = Buffer.from(text, 'base64url').toString();
  if (!id.includes('@')) throw new CursorError('must be the `next` of another page');
  return id;
}

function formatCursor(id: string): string {
  return Buffer.from(id).toString('base64url');
}
