import type { GoneCall } from './call.ts';
import type { CallStore, Entry } from './ports.ts';

/** The last record of a call: tracked, or removed. */
export interface Last {
  readonly entry: Entry | null;
  readonly gone: GoneCall | null;
}

export const UNKNOWN: Last = { entry: null, gone: null };

/** In the order of the ids. */
export async function findLast(store: CallStore, ids: readonly string[]): Promise<Last[]> {
  const [entries, gone] = await Promise.all([store.find(ids), store.findGone(ids)]);
  return ids.map((_, i) => ({ entry: entries[i] ?? null, gone: gone[i] ?? null }));
}
