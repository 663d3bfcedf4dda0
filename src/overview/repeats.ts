import type { CallIncident, RedisIncident } from './incidents.ts';

/** While Redis serves, a removal is announced within this time. */
const ANNOUNCED_MS = 60_000;

/** @param incidents those that this replica knows */
export function isRepeat(
  removedAt: number,
  incidents: readonly (CallIncident | RedisIncident)[],
  now: number,
): boolean {
  // While Redis is out, a removal has to wait for it.
  const hasWaited = incidents.some(
    (one) =>
      one.kind === 'redis' &&
      removedAt >= one.from - ANNOUNCED_MS &&
      removedAt <= (one.until ?? now),
  );
  return now - removedAt > ANNOUNCED_MS && !hasWaited;
}
