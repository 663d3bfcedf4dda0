import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How much of a turn of the event loop all long work together may take, in ms. */
const SHARE_MS = 4;

let beganAt: number | null = null;
let waiting = 0;
let lastInLine = Promise.resolve();

/** Yield before this many calls: about half a millisecond of work. */
export const BATCH_SIZE = 250;

/**
 * Await this before each part of long work. If long work has used its share of this turn of the
 * event loop, it continues in a later turn: requests are answered in between, however many slots
 * are read at once. Callers continue in order, one per turn, so that a long count delays no visit.
 *
 * @param calls the size of the part. Below {@link BATCH_SIZE} this does not wait: otherwise
 *   hundreds of small slots, read one after the other, would wait for hundreds of turns.
 */
export async function yieldToEventLoop(calls: number): Promise<void> {
  if (calls < BATCH_SIZE) return;
  if (waiting === 0 && !isSpent()) return;
  waiting++;
  lastInLine = lastInLine.then(() => nextTurn());
  await lastInLine;
  waiting--;
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
