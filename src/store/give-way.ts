import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** All long work together has so much of a turn of the event loop, before it gives way to others. */
const SHARE_MS = 4;

/** When the first of it began in this turn; null where none has yet. */
let beganAt: number | null = null;
let waiting = 0;
let lastInLine = Promise.resolve();

/** So many calls at a time are worth it to give way before them: about half a millisecond. */
export const PIECE = 250;

/**
 * To be awaited before each piece of long work: it goes on in a later turn of the event loop
 * where this one has had enough of it, whoever did it. However many slots are read at
 * once, requests are answered in between. Who waits goes on in the order of waiting, one a
 * turn, so that a long count holds up no visit.
 *
 * @param calls in the piece: with fewer than {@link PIECE} it does not wait, as hundreds of small slots,
 *   read one after the other, would wait hundreds of turns
 */
export async function giveWay(calls: number): Promise<void> {
  if (calls < PIECE) return;
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
