import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  offsetOf,
  slotOf,
  slotWidthMs,
  turnAfter,
  turnAtOrBefore,
  type Wheel,
} from '../../src/calls/wheel.ts';
import { NOW } from './fixture.ts';

const aWheel = fc
  .record({
    intervalMs: fc.integer({ min: 1_000, max: 2_700_000 }),
    slots: fc.integer({ min: 1, max: 4_096 }),
  })
  .filter(({ intervalMs, slots }) => slots <= intervalMs);
const aWheelAndSlot = aWheel.chain((wheel) =>
  fc.record({ wheel: fc.constant<Wheel>(wheel), slot: fc.nat({ max: wheel.slots - 1 }) }),
);
const anInstant = fc.integer({ min: 0, max: 4_000_000_000_000 });

describe('a call stands in', () => {
  test('one and the same of the slots, whenever it is asked', () => {
    fc.assert(
      fc.property(fc.string(), aWheel, (id, wheel) => {
        const slot = slotOf(id, wheel);
        expect(Number.isInteger(slot) && slot >= 0 && slot < wheel.slots).toBe(true);
        expect(slotOf(id, wheel)).toBe(slot);
      }),
    );
  });

  test('the slot that every version of this daemon puts it in', () => {
    const wheel = { intervalMs: 900_000, slots: 256 };
    expect(slotOf('2e1a0b00-2db4-4022-9570-243709c565ab', wheel)).toBe(10);
    expect(slotOf('call-0001', wheel)).toBe(23);
  });

  test('slots that are filled evenly, however alike the ids are', () => {
    const wheel = { intervalMs: 900_000, slots: 256 };
    const calls = 256 * 100;
    for (const idOf of [
      (i: number) => `call-${String(i).padStart(6, '0')}`,
      (i: number) => `00000000-0000-4000-8000-${i.toString(16).padStart(12, '0')}`,
    ]) {
      const counts = new Array<number>(wheel.slots).fill(0);
      for (let i = 0; i < calls; i++) {
        const slot = slotOf(idOf(i), wheel);
        counts[slot] = (counts[slot] ?? 0) + 1;
      }
      // Of 100 a slot on average; chance alone would stay within 50 … 150 as well.
      expect(Math.min(...counts)).toBeGreaterThan(50);
      expect(Math.max(...counts)).toBeLessThan(150);
    }
  });
});

describe('the turns of a slot', () => {
  test('are one interval apart, in the phase that its offset gives', () => {
    fc.assert(
      fc.property(aWheelAndSlot, anInstant, ({ wheel, slot }, at) => {
        const last = turnAtOrBefore(slot, at, wheel);
        const next = turnAfter(slot, at, wheel);
        expect(last).toBeLessThanOrEqual(at);
        expect(next).toBeGreaterThan(at);
        expect(next - last).toBe(wheel.intervalMs);
        expect(Math.abs(last - offsetOf(slot, wheel)) % wheel.intervalMs).toBe(0);
      }),
    );
  });

  test('are at the instant itself where that is one, and then next one interval later', () => {
    fc.assert(
      fc.property(aWheelAndSlot, anInstant, ({ wheel, slot }, at) => {
        const turn = turnAtOrBefore(slot, at, wheel);
        expect(turnAtOrBefore(slot, turn, wheel)).toBe(turn);
        expect(turnAfter(slot, turn, wheel)).toBe(turn + wheel.intervalMs);
        expect(turnAfter(slot, turn - 1, wheel)).toBe(turn);
      }),
    );
  });

  test('have an offset that BullMQ does not take for none, within the interval', () => {
    fc.assert(
      fc.property(aWheelAndSlot, ({ wheel, slot }) => {
        const offset = offsetOf(slot, wheel);
        expect(Number.isInteger(offset)).toBe(true);
        expect(offset).toBeGreaterThanOrEqual(1);
        expect(offset).toBeLessThanOrEqual(wheel.intervalMs);
      }),
    );
  });

  test('follow each other at the width of a slot, over the whole interval', () => {
    fc.assert(
      fc.property(aWheel, (wheel) => {
        const width = slotWidthMs(wheel);
        for (let slot = 1; slot < wheel.slots; slot++) {
          const apart = offsetOf(slot, wheel) - offsetOf(slot - 1, wheel);
          expect(Math.abs(apart - width)).toBeLessThan(1);
        }
        expect(offsetOf(wheel.slots - 1, wheel)).toBeGreaterThan(wheel.intervalMs - width - 1);
      }),
      { numRuns: 20 },
    );
  });

  test('come once each in an interval, wherever that begins', () => {
    const wheel = { intervalMs: 900_000, slots: 256 };
    const turns = Array.from({ length: wheel.slots }, (_, slot) => turnAfter(slot, NOW, wheel));
    expect(new Set(turns).size).toBe(wheel.slots);
    expect(Math.max(...turns) - NOW).toBeLessThanOrEqual(wheel.intervalMs);
  });
});
