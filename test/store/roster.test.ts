import { describe, expect, test } from 'vitest';
import { type Call, forget, tombstone } from '../../src/calls/call.ts';
import { listCalls } from '../../src/calls/listing.ts';
import type { Entry } from '../../src/calls/ports.ts';
import { encodeCall } from '../../src/store/codec.ts';
import {
  aCall,
  aGoneCall,
  DEADLINE_MS,
  idIn,
  MemoryStore,
  MINUTE,
  NOW,
  WHEEL,
} from '../calls/fixture.ts';
import { behavesAsStore } from './conformance.ts';
import { aRoster, countTurns } from './fixture.ts';

behavesAsStore('the roster', async () => aRoster());
behavesAsStore('the store of the domain’s tests', async () => new MemoryStore());

const SLOT = 3;
const [ONE, TWO] = [idIn(SLOT, 0), idIn(SLOT, 1)];
const entryOf = (call: Call): Entry => ({ call, version: encodeCall(call) });

describe('a slot that was read in Redis', () => {
  test('holds a call that was tracked anew elsewhere, after a stop that Redis had forgotten', () => {
    const roster = aRoster();
    const read = (...calls: Call[]) => roster.replaceSlot(SLOT, calls.map(entryOf), roster.mark());
    roster.remove(aGoneCall({ id: ONE, registration: 'r1', removal: 'untracked' }));
    read();
    read(aCall({ id: ONE, registration: 'r0' }));
    expect(roster.peek(ONE)).toBeNull();
    read(aCall({ id: ONE, registration: 'r2' }));
    expect(roster.peek(ONE)?.call.registration).toBe('r2');
  });

  test('has room for all, whatever has left while it was read, and is forgotten by now', () => {
    const wheel = { ...WHEEL, slots: 2_048 }; // a slot then remembers two dozen
    const roster = aRoster({ wheel });
    const calls = Array.from({ length: 50 }, (_, i) => aCall({ id: idIn(SLOT, i, wheel) }));
    roster.replaceSlot(SLOT, calls.map(entryOf), roster.mark());
    const mark = roster.mark();
    for (const { id } of calls) roster.remove(aGoneCall({ id }));
    roster.replaceSlot(SLOT, calls.map(entryOf), mark);
    expect([roster.tracked, roster.unheld]).toEqual([0, 0]);
  });

  test('takes the place of what was known of it', async () => {
    const roster = aRoster();
    roster.put(aCall({ id: ONE }));
    roster.put(aCall({ id: idIn(SLOT + 1) }));
    roster.replaceSlot(SLOT, [entryOf(aCall({ id: TWO }))], roster.mark());
    expect(roster.peek(ONE)).toBeNull();
    expect(roster.peek(TWO)).toEqual(entryOf(aCall({ id: TWO })));
    expect(roster.peek(idIn(SLOT + 1))).not.toBeNull();
  });

  test('does not undo what was written here since the reading began', async () => {
    const roster = aRoster();
    roster.put(aCall({ id: ONE }));
    const mark = roster.mark();
    roster.put(aCall({ id: ONE, renewedAt: NOW }));
    roster.put(aCall({ id: TWO }));
    roster.remove(aGoneCall({ id: idIn(SLOT, 2) }));
    roster.replaceSlot(
      SLOT,
      [entryOf(aCall({ id: ONE })), entryOf(aCall({ id: idIn(SLOT, 2) }))],
      mark,
    );
    expect(roster.peek(ONE)?.call.renewedAt).toBe(NOW);
    expect(roster.peek(TWO)).not.toBeNull();
    expect(roster.peek(idIn(SLOT, 2))).toBeNull();
  });

  test('that was begun before another, and ends after it, brings back nothing old', () => {
    const roster = aRoster();
    const slow = roster.mark();
    roster.put(aCall({ id: ONE, renewedAt: NOW })); // after the slow reading had passed it
    const quick = roster.mark();
    roster.replaceSlot(SLOT, [entryOf(aCall({ id: ONE, renewedAt: NOW }))], quick);
    roster.replaceSlot(SLOT, [], slow);
    expect(roster.peek(ONE)?.call.renewedAt).toBe(NOW);
  });
});

describe('what Redis has yet to learn of', () => {
  test('stands against whatever is read there, until it has been told', async () => {
    const roster = aRoster();
    await roster.write([{ id: ONE, expected: null, next: aCall({ id: ONE }), tell: 'tracked' }]);
    expect(roster.hasUnsaved).toBe(true);
    roster.replaceSlot(SLOT, [], roster.mark());
    expect(roster.peek(ONE)).not.toBeNull();
    roster.saved(await roster.readSlot(SLOT), []);
    expect(roster.hasUnsaved).toBe(false);
    roster.replaceSlot(SLOT, [], roster.mark());
    expect(roster.peek(ONE)).toBeNull();
  });

  test('stays so, where it has changed again while Redis was told', async () => {
    const roster = aRoster();
    await roster.write([{ id: ONE, expected: null, next: aCall({ id: ONE }) }]);
    const told = await roster.readSlot(SLOT);
    await roster.write([
      { id: ONE, expected: told[0]?.version ?? '', next: aCall({ id: ONE, renewedAt: NOW }) },
    ]);
    roster.saved(told, []);
    expect(roster.hasUnsaved).toBe(true);
  });

  test('includes what was stopped', async () => {
    const roster = aRoster();
    roster.put(aCall({ id: ONE }));
    const gone = forget(aCall({ id: ONE }), 'untracked', NOW);
    await roster.write([{ id: ONE, expected: roster.peek(ONE)?.version ?? '', gone }]);
    roster.replaceSlot(SLOT, [entryOf(aCall({ id: ONE }))], roster.mark());
    expect(roster.peek(ONE)).toBeNull();
    roster.saved([], await roster.readGone(SLOT));
    expect(roster.hasUnsaved).toBe(false);
  });

  test('includes the stopping of a call that is not known here, which is not shown as a call', async () => {
    const roster = aRoster();
    await roster.stopUnknown(tombstone(ONE, 'r9', NOW));
    expect(roster.hasUnsaved).toBe(true);
    const listed = await listCalls(roster, WHEEL.slots, {
      state: 'untracked',
      labels: [],
      reach: null,
      limit: 10,
    });
    expect(listed.calls).toEqual([]);
    roster.replaceSlot(SLOT, [entryOf(aCall({ id: ONE }))], roster.mark());
    expect(roster.peek(ONE)).toBeNull();
  });
});

describe('a call is known to have left', () => {
  test('under the registration that left and those before, not under a later one', () => {
    const roster = aRoster();
    const call = aCall({ id: ONE, registration: 'r2' });
    expect(roster.hasLeft(call)).toBe(false);
    roster.remove(forget(call, 'ended', NOW));
    expect(roster.hasLeft(call)).toBe(true);
    expect(roster.hasLeft({ ...call, registration: 'r1' })).toBe(true);
    expect(roster.hasLeft({ ...call, registration: 'r3' })).toBe(false);
    roster.put({ ...call, registration: 'r3' });
    expect(roster.hasLeft({ ...call, registration: 'r3' })).toBe(false);
  });
});

describe('the summary', () => {
  test('counts the calls, those that fail, those at risk, and finds the nearest deadline', async () => {
    const roster = aRoster();
    expect(await roster.summary(NOW)).toEqual({
      tracked: 0,
      failing: 0,
      atRisk: 0,
      nearestDeadlineAt: null,
      unheld: 0,
    });
    roster.put(aCall({ id: ONE, renewedAt: NOW - 10 * MINUTE }));
    roster.put(aCall({ id: TWO, renewedAt: NOW - 31 * MINUTE, consecutiveFailures: 2 }));
    roster.put(aCall({ id: idIn(0), renewedAt: NOW - 5 * MINUTE, consecutiveFailures: 1 }));
    expect(await roster.summary(NOW)).toEqual({
      tracked: 3,
      failing: 2,
      atRisk: 1,
      nearestDeadlineAt: NOW - 31 * MINUTE + DEADLINE_MS,
      unheld: 0,
    });
  });

  test('follows each change, and time', async () => {
    const roster = aRoster();
    roster.put(aCall({ id: ONE, renewedAt: NOW }));
    expect((await roster.summary(NOW + 30 * MINUTE)).atRisk).toBe(0);
    expect((await roster.summary(NOW + 30 * MINUTE + 1)).atRisk).toBe(1);
    roster.put(aCall({ id: ONE, renewedAt: NOW + 15 * MINUTE }));
    expect((await roster.summary(NOW + 30 * MINUTE + 1)).atRisk).toBe(0);
    roster.remove(aGoneCall({ id: ONE }));
    expect(await roster.summary(NOW)).toMatchObject({ tracked: 0, nearestDeadlineAt: null });
    roster.replaceSlot(SLOT, [entryOf(aCall({ id: ONE, consecutiveFailures: 1 }))], roster.mark());
    expect(await roster.summary(NOW)).toMatchObject({ tracked: 1, failing: 1 });
  });
});

describe('a roster that is full', () => {
  test('says how many calls it does not hold, and takes in what nobody else knows of', async () => {
    const roster = aRoster({ mostCalls: 2 });
    const entries = [0, 1, 2].map((i) => entryOf(aCall({ id: idIn(SLOT, i) })));
    roster.replaceSlot(SLOT, entries, roster.mark());
    for (const { call } of entries) roster.put(call);
    expect(await roster.summary(NOW)).toMatchObject({ tracked: 3, unheld: 1 });
    await roster.write([{ id: idIn(0), expected: null, next: aCall({ id: idIn(0) }) }]);
    expect(roster.peek(idIn(0))).not.toBeNull();
    expect(await roster.summary(NOW)).toMatchObject({ tracked: 4, unheld: 1 });
  });

  test('counts right again when a slot was read whole', async () => {
    const roster = aRoster({ mostCalls: 2 });
    const entries = [0, 1, 2, 3].map((i) => entryOf(aCall({ id: idIn(SLOT, i) })));
    roster.replaceSlot(SLOT, entries, roster.mark());
    expect(await roster.summary(NOW)).toMatchObject({ tracked: 4, unheld: 2 });
    expect(roster.tracked).toBe(4);
    roster.replaceSlot(SLOT, entries.slice(0, 1), roster.mark());
    expect(await roster.summary(NOW)).toMatchObject({ tracked: 1, unheld: 0 });
  });
});

describe('counting the calls', () => {
  test('counts each that is there throughout, though it is renewed meanwhile', async () => {
    const roster = aRoster({ wheel: { ...WHEEL, slots: 1 } });
    const calls = Array.from({ length: 3_000 }, (_, i) => aCall({ id: `call-${1_000_000 + i}` }));
    for (const call of calls) roster.put(call);
    const counted = roster.summary(NOW);
    let renewed = 0;
    const renew = () => {
      // From the last one on: the count comes by from the first one.
      for (const call of calls.splice(-100)) {
        roster.put({ ...call, renewedAt: NOW });
        renewed++;
      }
      if (calls.length > 0) setImmediate(renew);
    };
    setImmediate(renew);
    expect((await counted).tracked).toBe(3_000);
    expect(renewed).toBeGreaterThan(0);
  });

  test('gives way to others, in however many slots they are', async () => {
    const wheel = { ...WHEEL, slots: 512 };
    const roster = aRoster({ wheel });
    for (let i = 0; i < 50_000; i++) roster.put(aCall({ id: `call-${1_000_000 + i}` }));
    const turns = countTurns();
    expect((await roster.summary(NOW)).tracked).toBe(50_000);
    // It takes 100 ms and more, and 4 of a turn at most, but for the last piece.
    expect(turns()).toBeGreaterThan(5);
  });
});
