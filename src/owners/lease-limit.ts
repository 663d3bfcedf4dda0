/**
 * Limit of leases, because one replica reads all of them at each heartbeat, and each replica once
 * per interval. 100,000 need 24 MB in each replica and 14 MB in Redis.
 */
export const MOST_OWNERS = 100_000;
/** Limit for one of several apps, so that no app keeps the others from having owners. */
export const MOST_OF_APP = MOST_OWNERS / 2;

export interface Leases {
  count(): number;
  countOf(app: string): number;
}

/** null if the app, one of `apps`, can have another owner with a lease. */
export function whyFull(leases: Leases, app: string, apps: number): string | null {
  const count = leases.count();
  if (count >= MOST_OWNERS) return `${MOST_OWNERS} owners have a lease, which is the limit`;
  if (apps < 2 || count < MOST_OF_APP || leases.countOf(app) < MOST_OF_APP) return null;
  return `${MOST_OF_APP} owners of the app ${app} have a lease, which is the limit for one of several apps`;
}
