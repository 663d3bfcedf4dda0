import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PackedMap } from '../../src/store/packed-map.ts';

/** Few keys, so that they are met again; all of Unicode, as labels may hold it. */
const key = fc.oneof(
  fc.constantFrom('a', 'b', 'ä', '€uro', '💡', ''),
  fc.integer({ min: 0, max: 40 }).map((n) => `call-${n}`),
);
const value = fc.oneof(
  fc.constantFrom('', 'x', '{"k":1}', '{"k":2}'),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
);
const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key, value }) },
  { weight: 1, arbitrary: fc.record({ key, value: fc.constant(null) }) },
);

function sorted(entries: Iterable<[string, string]>): [string, string][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Two whose hashes are the same with the seed that FNV itself has, found by search. */
const SEED = 0x811c9dc5;
const COLLIDING = ['call-46469', 'call-253384'] as const;

describe('a packed map', () => {
  test('holds what a Map holds, whatever is put and deleted', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 400 }), (changes) => {
        const packed = new PackedMap();
        const model = new Map<string, string>();
        for (const { key, value } of changes) {
          if (value === null) expect(packed.delete(key)).toBe(model.delete(key));
          else {
            packed.set(key, value);
            model.set(key, value);
          }
          expect(packed.size).toBe(model.size);
          expect(packed.get(key)).toBe(model.get(key));
        }
        expect(sorted(packed.entries())).toEqual(sorted(model));
        for (const known of model.keys()) expect(packed.has(known)).toBe(true);
      }),
    );
  });

  test('grows and shrinks by thousands', () => {
    const packed = new PackedMap();
    const model = new Map<string, string>();
    const count = 5_000;
    for (let i = 0; i < count; i++) {
      packed.set(`call-${i}`, `first ${i}`);
      model.set(`call-${i}`, `first ${i}`);
    }
    for (let i = 0; i < count; i += 2) {
      packed.set(`call-${i}`, `then something longer ${i}`);
      model.set(`call-${i}`, `then something longer ${i}`);
    }
    for (let i = 0; i < count; i++) {
      if (i % 50 === 0) continue;
      expect(packed.delete(`call-${i}`)).toBe(true);
      model.delete(`call-${i}`);
    }
    expect(sorted(packed.entries())).toEqual(sorted(model));
    for (const known of model.keys()) expect(packed.delete(known)).toBe(true);
    expect(packed.size).toBe(0);
    expect([...packed.entries()]).toEqual([]);
  });

  test('keeps keys apart whose hashes are the same', () => {
    const packed = new PackedMap(SEED);
    for (const [i, one] of COLLIDING.entries()) packed.set(one, `${i}`);
    expect(COLLIDING.map((one) => packed.get(one))).toEqual(['0', '1']);
    packed.delete(COLLIDING[0]);
    expect(COLLIDING.map((one) => packed.get(one))).toEqual([undefined, '1']);
  });

  test('can be changed while it is read: what stays is met once', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 300 }),
        fc.integer({ min: 0, max: 30 }),
        (changes, readBefore) => {
          const packed = new PackedMap();
          const stays = Array.from({ length: 40 }, (_, i) => `stays-${i}`);
          for (const one of stays) packed.set(one, `value of ${one}`);
          const met: string[] = [];
          const reading = packed.entries();
          for (let i = 0; i < readBefore; i++) met.push(reading.next().value?.[0] ?? '');
          for (const { key, value } of changes) {
            if (value === null) packed.delete(key);
            else packed.set(key, value);
          }
          for (const [one, said] of reading) {
            met.push(one);
            if (one.startsWith('stays-')) expect(said).toBe(`value of ${one}`);
          }
          expect(met.filter((one) => one.startsWith('stays-')).sort()).toEqual(stays.toSorted());
        },
      ),
    );
  });
});
