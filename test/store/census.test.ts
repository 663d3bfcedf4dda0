import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/calls/call.ts';
import { addSummaries } from '../../src/overview/tally.ts';
import { Census } from '../../src/store/census.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { CALLS } from '../../src/store/record-kind.ts';
import {
  aCall,
  aRemovedCall,
  DEADLINE_MS,
  idIn,
  MINUTE,
  NOW,
  recordOf,
  WHEEL,
} from '../calls/fixture.ts';
import { countTurns } from './fixture.ts';

const SLOT = 3;
const [ONE, TWO] = [idIn(SLOT, 0), idIn(SLOT, 1)];

function aCensus(slots: number = WHEEL.slots) {
  const local = new LocalRegistry({ kind: CALLS, slots });
  const put = (call: Call) => void local.merge(recordOf(call));
  return { local, put, census: new Census(local, slots, DEADLINE_MS) };
}

/** Of all apps together. */
async function summary(census: Census, now: number) {
  return addSummaries((await census.summaries(now)).values());
}

describe('the census', () => {
  test('counts the calls, those that fail, those at risk, and finds the nearest deadline', async () => {
    const { put, census } = aCensus();
    expect(await summary(census, NOW)).toEqual({
      tracked: 0,
      failing: 0,
      atRisk: 0,
      nearestDeadlineAt: null,
    });
    const trackedAt = NOW - 60 * MINUTE;
    put(aCall({ id: ONE, trackedAt, renewedAt: NOW - 10 * MINUTE }));
    put(aCall({ id: TWO, trackedAt, renewedAt: NOW - 31 * MINUTE, consecutiveFailures: 2 }));
    put(aCall({ id: idIn(0), trackedAt, renewedAt: NOW - 5 * MINUTE, consecutiveFailures: 1 }));
    expect(await summary(census, NOW)).toEqual({
      tracked: 3,
      failing: 2,
      atRisk: 1,
      nearestDeadlineAt: NOW - 31 * MINUTE + DEADLINE_MS,
    });
  });

  test('counts the calls of each app by themselves', async () => {
    const { put, census } = aCensus();
    const old = { app: 'support', trackedAt: NOW - 60 * MINUTE };
    put(aCall({ id: ONE, app: 'sales', renewedAt: NOW }));
    put(aCall({ ...old, id: TWO, renewedAt: NOW - MINUTE, consecutiveFailures: 1 }));
    put(aCall({ ...old, id: idIn(0), renewedAt: NOW - 2 * MINUTE }));
    expect(await census.summaries(NOW)).toEqual(
      new Map([
        ['sales', { tracked: 1, failing: 0, atRisk: 0, nearestDeadlineAt: NOW + DEADLINE_MS }],
        [
          'support',
          {
            tracked: 2,
            failing: 1,
            atRisk: 0,
            nearestDeadlineAt: NOW - 2 * MINUTE + DEADLINE_MS,
          },
        ],
      ]),
    );
  });

  test('follows each change, and time', async () => {
    const { put, local, census } = aCensus();
    put(aCall({ id: ONE, renewedAt: NOW }));
    expect((await summary(census, NOW + 30 * MINUTE)).atRisk).toBe(0);
    expect((await summary(census, NOW + 30 * MINUTE + 1)).atRisk).toBe(1);
    put(aCall({ id: ONE, renewedAt: NOW + 15 * MINUTE }));
    expect((await summary(census, NOW + 30 * MINUTE + 1)).atRisk).toBe(0);
    put(aRemovedCall({ id: ONE, removedAt: NOW + 20 * MINUTE }));
    expect(await summary(census, NOW)).toMatchObject({ tracked: 0, nearestDeadlineAt: null });
    put(aCall({ id: TWO, consecutiveFailures: 1 }));
    expect(await summary(census, NOW)).toMatchObject({ tracked: 1, failing: 1 });
    local.drop(TWO);
    expect(await summary(census, NOW)).toMatchObject({ tracked: 0, failing: 0 });
  });

  test('counts each call that is there throughout, though it is renewed meanwhile', async () => {
    const { put, census } = aCensus(1);
    const calls = Array.from({ length: 30_000 }, (_, i) => aCall({ id: `call-${1_000_000 + i}` }));
    for (const call of calls) put(call);
    const counted = summary(census, NOW);
    let renewed = 0;
    const renew = () => {
      // From the last one on: the count comes by from the first one.
      for (const call of calls.splice(-1_000)) {
        put({ ...call, renewedAt: NOW });
        renewed++;
      }
      if (calls.length > 0) setImmediate(renew);
    };
    setImmediate(renew);
    expect((await counted).tracked).toBe(30_000);
    expect(renewed).toBeGreaterThan(0);
    await expect.poll(() => renewed).toBe(30_000);
    expect(await summary(census, NOW)).toMatchObject({
      tracked: 30_000,
      nearestDeadlineAt: NOW + DEADLINE_MS,
    });
  });

  test('leaves the event loop to others, in however many slots the calls are', async () => {
    const { put, census } = aCensus(512);
    for (let i = 0; i < 50_000; i++) put(aCall({ id: `call-${1_000_000 + i}` }));
    const turns = countTurns();
    expect((await summary(census, NOW)).tracked).toBe(50_000);
    // It takes 20 ms and more, and 4 ms of a turn at most, except for the last piece.
    expect(turns()).toBeGreaterThan(2);
  });
});
