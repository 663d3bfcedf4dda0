import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { BATCH_SIZE, yieldToEventLoop } from '../../src/store/event-loop.ts';
import { countTurns } from './fixture.ts';

const TASKS = 20;
const PIECES = 5;
const PIECE_MS = 2;

test('much long work at once leaves the event loop to others in between', async () => {
  const turns = countTurns();
  await Promise.all(Array.from({ length: TASKS }, longWork));
  // A turn has two or three pieces, or fewer where the machine is busy; without giving way all are in one.
  expect(turns()).toBeGreaterThanOrEqual((TASKS * PIECES) / 4);
});

async function longWork(): Promise<void> {
  for (let piece = 0; piece < PIECES; piece++) await aPiece();
}

async function aPiece(): Promise<void> {
  await yieldToEventLoop(BATCH_SIZE);
  const until = performance.now() + PIECE_MS;
  while (performance.now() < until);
}

test('work that is long by itself holds up nobody who has little to do', async () => {
  let isLongDone = false;
  const long = (async () => {
    for (let piece = 0; piece < 200; piece++) await aPiece();
    isLongDone = true;
  })();
  await longWork();
  expect(isLongDone).toBe(false);
  await long;
});
