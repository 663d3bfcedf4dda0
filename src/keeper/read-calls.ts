import { type Entry, StoreUnavailableError } from '../calls/ports.ts';
import type { Registries } from './registries.ts';

/** The version of a call that could not be read. It equals none, so a write reads the record first. */
export const UNREAD = 'unread';

const CHUNK = 500;

/**
 * Reads records, each from the registry that has the last word about it, in the order of the ids.
 * null: the call is not tracked; undefined: unknown for now.
 */
export async function readCalls(
  registries: Registries,
  ids: readonly string[],
): Promise<(Entry | null | undefined)[]> {
  const found = new Map<string, Entry | null>();
  const groups = Map.groupBy(ids, (id) => registries.isLocal(id));
  for (const [isLocal, group] of groups) {
    for (let from = 0; from < group.length; from += CHUNK) {
      const chunk = group.slice(from, from + CHUNK);
      const entries = await readChunk(registries, isLocal, chunk);
      for (const [i, id] of chunk.entries()) {
        const entry = entries[i];
        if (entry !== undefined) found.set(id, entry);
      }
    }
  }
  return ids.map((id) => found.get(id));
}

async function readChunk(
  { shared, local }: Registries,
  isLocal: boolean,
  ids: readonly string[],
): Promise<(Entry | null | undefined)[]> {
  if (isLocal) return await local.store.find(ids);
  try {
    return await shared.store.find(ids);
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    // A call that the local registry does not have may still be in Redis.
    return (await local.store.find(ids)).map((entry) => entry ?? undefined);
  }
}
