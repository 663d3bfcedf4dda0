import { setImmediate as nextTurn } from 'node:timers/promises';

const CHUNK = 500;

/** Does the same to all of them, and lets the event loop have a turn after each few hundred. */
export async function inChunks<T>(items: readonly T[], act: (item: T) => void): Promise<void> {
  for (const [i, item] of items.entries()) {
    if (i > 0 && i % CHUNK === 0) await nextTurn();
    act(item);
  }
}
