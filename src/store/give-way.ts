import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** All long work together has so much of a turn of the event loop, before it gives way to others. */
const SHARE_MS = 4;

/** When the first of it began in this turn; null where none has yet. */
let beganAt: number | null = null;

/**
 * To be awaited between two pieces of long work: it goes on in the next turn of the event loop
 * where this one has had enough of it, whoever did it. However many slots are read at
 * once, requests are answered in between.
 */
export async function giveWay(): Promise<void> {
  while (isSpent()) await nextTurn();
}

function isSpent(): boolean {
  const now = performance.now();
  if (beganAt !== null) return now - beganAt >= SHARE_MS;
  beganAt = now;
  setImmediate(() => {
    beganAt = null;
  });
  return false;
}
