import { describe, expect, test } from 'vitest';
import { ALL_APPS, emptyRecord, stateOf } from '../../src/calls/record.ts';
import { encodeRecord } from '../../src/store/record-codec.ts';
import { UnreadableError } from '../../src/store/stored-text.ts';
import {
  aCall,
  aRemovedCall,
  idIn,
  MINUTE,
  NOW,
  recordOf,
  SKEW_MS,
  WHEEL,
} from '../calls/fixture.ts';
import { aLocal, LATER } from './fixture.ts';

const SLOT = 3;
const [ONE, TWO, THREE] = [idIn(SLOT, 0), idIn(SLOT, 1), idIn(SLOT, 2)];
const tracked = (id: string, renewedAt: number | null = null) => recordOf(aCall({ id, renewedAt }));
const removed = (id: string, removedAt = NOW) => recordOf(aRemovedCall({ id, removedAt }));

describe('the local registry', () => {
  test('does not know a call that it has not learnt', () => {
    const local = aLocal();
    expect([local.get(ONE), local.text(ONE)]).toEqual([emptyRecord(ONE), '']);
  });

  test('adds up what it learns of a call, in whatever order', () => {
    const orders = [
      [tracked(ONE), tracked(ONE, NOW + 1), removed(ONE)],
      [removed(ONE), tracked(ONE, NOW + 1), tracked(ONE)],
    ];
    const texts = orders.map((order) => {
      const local = aLocal();
      for (const record of order) local.merge(record);
      return local.text(ONE);
    });
    expect(texts[0]).toBe(texts[1]);
    expect(texts[0]).not.toBe('');
  });

  test('has tracked and removed calls apart, each in one place alone', () => {
    const local = aLocal();
    for (const id of [ONE, TWO]) local.merge(tracked(id));
    local.merge(removed(ONE));
    expect([...local.tracked(SLOT).keys()]).toEqual([TWO]);
    expect([...local.removed(SLOT).keys()]).toEqual([ONE]);
    local.merge(recordOf(aCall({ id: ONE, generation: 'r2' })));
    expect([...local.tracked(SLOT).keys()]).toEqual([TWO, ONE]);
    expect([...local.removed(SLOT).keys()]).toEqual([]);
    expect([...local.tracked(SLOT + 1).keys()]).toEqual([]);
  });

  test.each([
    [ALL_APPS, 'default'],
    ['default', 'default'],
    ['constructor', 'constructor'], // which every object has
  ])('has the stop of a call that it does not know, for %s, among the removed', (stops, app) => {
    const local = aLocal();
    const stop = { generation: 'r9', at: NOW, reason: 'request' as const, resultInfo: null };
    local.merge({ ...emptyRecord(ONE), stops: { [stops]: stop } });
    expect([...local.tracked(SLOT).keys()]).toEqual([]);
    expect([...local.removed(SLOT).keys()]).toEqual([ONE]);
    local.merge(recordOf(aCall({ id: ONE, app })));
    expect(stateOf(local.get(ONE))).toBe('untracked');
    local.dropRemoved(SLOT, NOW + 1);
    expect(local.text(ONE)).toBe('');
  });

  test('takes a renewal in the future for one an interval ago, from any source', () => {
    const local = aLocal();
    const anIntervalAgo = LATER - WHEEL.intervalMs;
    local.merge(tracked(ONE, LATER + SKEW_MS + 1));
    expect(local.get(ONE).renewedAt).toBe(anIntervalAgo);
    expect(local.text(ONE)).toBe(encodeRecord(tracked(ONE, anIntervalAgo)));
    local.merge(tracked(ONE, LATER + SKEW_MS));
    expect(local.get(ONE).renewedAt).toBe(LATER + SKEW_MS);
  });

  test('keeps what it has learnt of a call while a change of it was under way', () => {
    const local = aLocal();
    local.merge(tracked(ONE));
    const base = local.text(ONE);
    local.merge(tracked(ONE, NOW + 2));
    const stale = tracked(ONE, NOW + 1);
    expect(local.put(base, stale, encodeRecord(stale)).renewedAt).toBe(NOW + 2);
    expect(local.get(ONE).renewedAt).toBe(NOW + 2);
  });

  test('takes no damaged text for a later one', () => {
    const local = aLocal();
    local.merge(tracked(ONE, NOW));
    const good = local.text(ONE);
    const end = good.indexOf('@');
    for (let at = 0; at < end; at++) {
      for (const damage of ['x', '.', ' ', 'é', '']) {
        const text = good.slice(0, at) + damage + good.slice(at + 1);
        expect(() => local.learn(ONE, text), text).toThrow(UnreadableError);
        expect(local.text(ONE)).toBe(good);
      }
    }
  });

  test('counts a slot as changed only if it has', () => {
    const local = aLocal();
    const before = local.version(SLOT);
    local.merge(tracked(ONE));
    const after = local.version(SLOT);
    expect(after).toBeGreaterThan(before);
    local.merge(tracked(ONE));
    local.merge(tracked(idIn(SLOT + 1)));
    expect(local.version(SLOT)).toBe(after);
  });

  test('refuses a slot that there is not', () => {
    expect(() => aLocal().tracked(8)).toThrow(RangeError);
  });
});

describe('removed calls', () => {
  test('are dropped when they are old, and Redis knows of them', () => {
    const local = aLocal();
    local.merge(removed(ONE, NOW - 3 * MINUTE));
    local.merge(removed(TWO, NOW - 2 * MINUTE));
    local.merge(removed(THREE, NOW));
    local.setUnacknowledged(ONE, true);
    local.dropRemoved(SLOT, NOW - MINUTE);
    expect([...local.removed(SLOT).keys()]).toEqual([ONE, THREE]);
    local.setAcknowledged(ONE);
    local.dropRemoved(SLOT, NOW - MINUTE);
    expect([...local.removed(SLOT).keys()]).toEqual([THREE]);
  });

  test('that are dropped are unknown, and need no write', () => {
    const local = aLocal();
    local.merge(tracked(ONE));
    local.setUnacknowledged(ONE, true);
    expect(local.isAcknowledged(ONE)).toBe(false);
    local.drop(ONE);
    expect([local.text(ONE), local.isAcknowledged(ONE), local.unacknowledged.size]).toEqual([
      '',
      true,
      0,
    ]);
  });
});
