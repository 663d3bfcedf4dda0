import { setImmediate as nextTurn } from 'node:timers/promises';

const CHUNK = 500;

/** Calls `act` for each item, and yields to the event loop after every {@link CHUNK}. */
export async function inChunks<T>(items: readonly T[], act: (item: T) => void): Promise<void> {
  for (const [i, item] of items.entries()) {
    if (i > 0 && i % CHUNK === 0) await nextTurn();
    act(item);
  }
}
