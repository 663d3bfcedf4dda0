import { describe, expect, test } from 'vitest';
import { forget, tombstone } from '../../src/calls/call.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { encodeCall } from '../../src/store/codec.ts';
import { MirroredStore } from '../../src/store/mirrored-store.ts';
import { aCall, aGoneCall, idIn, MemoryStore, NOW } from '../calls/fixture.ts';
import { behavesAsStore } from './conformance.ts';
import { aRoster } from './fixture.ts';

const SLOT = 3;
const [ONE, TWO] = [idIn(SLOT, 0), idIn(SLOT, 1)];

function aMirror() {
  const behind = new MemoryStore();
  // Its versions are the values, as those in Redis are.
  const put = behind.put.bind(behind);
  behind.put = (...calls) => {
    put(...calls);
    for (const call of calls) behind.calls.set(call.id, { call, version: encodeCall(call) });
  };
  const roster = aRoster();
  return { behind, roster, store: new MirroredStore(behind, roster) };
}

behavesAsStore('the mirrored store', async () => aMirror().store);

describe('the roster learns', () => {
  test('of each write that counted, and of none that did not', async () => {
    const { store, roster, behind } = aMirror();
    behind.put(aCall({ id: TWO, registration: 'r9' }));
    await store.write([
      { id: ONE, expected: null, next: aCall({ id: ONE }), tell: 'tracked' },
      { id: TWO, expected: null, next: aCall({ id: TWO }) },
    ]);
    expect(roster.peek(ONE)).toEqual((await store.find([ONE]))[0]);
    expect(roster.peek(TWO)).toBeNull();
    const gone = forget(aCall({ id: ONE }), 'ended', NOW);
    await store.write([{ id: ONE, expected: roster.peek(ONE)?.version ?? '', gone }]);
    expect(roster.peek(ONE)).toBeNull();
    expect(await roster.findGone([ONE])).toEqual([gone]);
    expect(roster.hasUnsaved).toBe(false);
  });

  test('of a slot that is read', async () => {
    const { store, roster, behind } = aMirror();
    roster.put(aCall({ id: ONE }));
    behind.gone.set(ONE, aGoneCall({ id: ONE }));
    behind.put(aCall({ id: TWO }));
    await store.readSlot(SLOT);
    expect(roster.peek(ONE)).toBeNull();
    expect(roster.peek(TWO)).not.toBeNull();
  });

  test('not to forget a call that Redis has lost: that it still has to be told', async () => {
    const { store, roster, behind } = aMirror();
    behind.put(aCall({ id: ONE }));
    await store.readSlot(SLOT);
    behind.calls.clear();
    await store.readSlot(SLOT);
    await store.readSlot(SLOT);
    expect(roster.peek(ONE)).not.toBeNull();
    expect(roster.hasUnsaved).toBe(true);
  });

  test('not to forget a call that Redis had lost when it was stopped: nobody has been told', async () => {
    const { store, roster, behind } = aMirror();
    behind.put(aCall({ id: ONE }));
    await store.readSlot(SLOT);
    behind.calls.clear();
    behind.gone.set(ONE, tombstone(ONE, 'r2', NOW));
    await store.readSlot(SLOT);
    expect(roster.peek(ONE)).not.toBeNull();
    expect(roster.unsavedSlots).toEqual([SLOT]);
  });

  test('the stop of a call that Redis has lost, and that nobody has been told of it', async () => {
    const { store, roster, behind } = aMirror();
    const call = aCall({ id: ONE, registration: 'r5' });
    await store.write([{ id: ONE, expected: null, next: call, tell: 'tracked' }]);
    behind.calls.clear();
    // Of a clock that is behind; and once more.
    for (const [given, taken] of [
      ['r4', 'r50'],
      ['r6', 'r6'],
    ] as const) {
      expect(await store.stopUnknown(tombstone(ONE, given, NOW))).toBe(true);
      expect(behind.gone.get(ONE)).toEqual(tombstone(ONE, taken, NOW));
      expect(roster.peek(ONE)).toBeNull();
      expect(await roster.findGone([ONE])).toEqual([
        { ...forget(call, 'untracked', NOW), registration: taken },
      ]);
      expect(roster.unsavedSlots).toEqual([SLOT]);
    }
  });

  test('nothing of the stop of a lost call that is not for its app', async () => {
    const { store, roster, behind } = aMirror();
    const call = aCall({ id: ONE, registration: 'r5', app: 'another' });
    await store.write([{ id: ONE, expected: null, next: call, tell: 'tracked' }]);
    behind.calls.clear();
    expect(await store.stopUnknown(tombstone(ONE, 'r6', NOW, ['default']))).toBe(true);
    expect(roster.peek(ONE)?.call).toEqual(call);
    expect(await store.stopUnknown(tombstone(ONE, 'r7', NOW, ['another']))).toBe(true);
    expect(roster.peek(ONE)).toBeNull();
    expect(behind.gone.get(ONE)).toEqual(tombstone(ONE, 'r7', NOW, ['another']));
  });

  test('the stop of a tracking that Redis has lost, where it knows how one before it ended', async () => {
    const { store, roster, behind } = aMirror();
    const before = aGoneCall({ id: ONE, removal: 'expired', registration: 'r1' });
    const call = aCall({ id: ONE, registration: 'r5', trackedAt: NOW + 1 });
    await store.write([{ id: ONE, expected: null, next: call, tell: 'tracked' }]);
    behind.calls.clear();
    behind.gone.set(ONE, before);
    expect(await store.stopUnknown({ ...before, registration: 'r6', goneAt: NOW + 2 })).toBe(true);
    expect(behind.gone.get(ONE)).toEqual(tombstone(ONE, 'r6', NOW + 2));
    expect(await roster.findGone([ONE])).toMatchObject([{ removal: 'untracked', goneAt: NOW + 2 }]);
    expect(roster.isUnsaved(ONE)).toBe(true);
    // Nothing is lost where what Redis knows is how this tracking ended.
    const ended = { ...forget(call, 'ended', NOW + 3), registration: 'r7' };
    roster.put(call);
    expect(await store.stopUnknown(ended)).toBe(true);
    expect(behind.gone.get(ONE)).toEqual(ended);
    expect(await roster.findGone([ONE])).toEqual([ended]);
  });

  test('nothing of what is missing from a read that a later one has overtaken', async () => {
    const { store, roster, behind } = aMirror();
    const read = behind.readSlot.bind(behind);
    const { promise: gate, resolve: goOn } = Promise.withResolvers<void>();
    behind.readSlot = async (slot) => {
      behind.readSlot = read;
      const entries = await read(slot);
      await gate;
      return entries;
    };
    const slow = store.readSlot(SLOT);
    await store.write([{ id: ONE, expected: null, next: aCall({ id: ONE }), tell: 'tracked' }]);
    await store.readSlot(SLOT);
    goOn();
    await slow;
    expect(roster.peek(ONE)).not.toBeNull();
    expect(roster.hasUnsaved).toBe(false);
  });

  test('nothing old from a slot that was written to while it was read', async () => {
    const { store, roster, behind } = aMirror();
    behind.put(aCall({ id: ONE }));
    const read = behind.readSlot.bind(behind);
    behind.readSlot = async (slot) => {
      const entries = await read(slot);
      const [entry] = await behind.find([ONE]);
      await store.write([
        { id: ONE, expected: entry?.version ?? '', next: aCall({ id: ONE, renewedAt: NOW }) },
      ]);
      return entries;
    };
    await store.readSlot(SLOT);
    expect(roster.peek(ONE)?.call.renewedAt).toBe(NOW);
  });

  test('nothing from a store that does not answer, and keeps what it knew', async () => {
    const { store, roster, behind } = aMirror();
    roster.put(aCall({ id: ONE }));
    behind.before = () => {
      throw new StoreUnavailableError('out');
    };
    await expect(store.readSlot(SLOT)).rejects.toThrow(StoreUnavailableError);
    await expect(
      store.write([{ id: TWO, expected: null, next: aCall({ id: TWO }) }]),
    ).rejects.toThrow();
    expect(roster.peek(ONE)).not.toBeNull();
    expect(roster.peek(TWO)).toBeNull();
  });
});

describe('what Redis has yet to learn of', () => {
  test('is not undone by a renewal that was under way when it was said', async () => {
    const { store, roster, behind } = aMirror();
    behind.put(aCall({ id: ONE }));
    const [entry] = await store.readSlot(SLOT);
    await roster.write([
      {
        id: ONE,
        expected: entry?.version ?? '',
        gone: aGoneCall({ id: ONE, removal: 'untracked' }),
      },
    ]);
    await store.write([
      { id: ONE, expected: entry?.version ?? '', next: aCall({ id: ONE, renewedAt: NOW }) },
    ]);
    expect(roster.peek(ONE)).toBeNull();
    expect(roster.hasUnsaved).toBe(true);
  });
});

describe('a call that was given up here and lives on in Redis', () => {
  test('is on the schedule here again once its slot is read', async () => {
    const { store, roster, behind } = aMirror();
    behind.put(aCall({ id: ONE }));
    roster.remove(aGoneCall({ id: ONE, removal: 'expired' }));
    expect(roster.hasLeft(aCall({ id: ONE }))).toBe(true);
    await store.readSlot(SLOT);
    expect(roster.hasLeft(aCall({ id: ONE }))).toBe(false);
    expect(roster.peek(ONE)).not.toBeNull();
  });
});

describe('a call that was stopped', () => {
  test('stays so where Redis goes back to before that, and Redis has to be told', async () => {
    const { store, roster, behind } = aMirror();
    behind.put(aCall({ id: ONE }));
    roster.remove(aGoneCall({ id: ONE, removal: 'untracked' }));
    await store.readSlot(SLOT);
    expect(roster.peek(ONE)).toBeNull();
    expect(roster.hasLeft(aCall({ id: ONE }))).toBe(true);
    expect(roster.hasUnsaved).toBe(true);
  });
});
