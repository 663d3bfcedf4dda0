import { crc32 } from 'node:zlib';

/**
 * The timing wheel. The interval is divided into slots; a call stands in the
 * slot that its id hashes to, and each slot is *visited* once an interval, at
 * its turn. Which slot is due when is a function of the clock and this shape
 * alone, so any replica can tell where the wheel ought to stand without asking
 * another.
 */
export interface Wheel {
  readonly intervalMs: number;
  /** {@link SLOTS}; unit tests use fewer. */
  readonly slots: number;
}

/** A constant: replicas cannot disagree on it, and a call never moves to another slot. */
export const SLOTS = 256;

/** The slot a call stands in: 0 … slots − 1. */
export function slotOf(callId: string, { slots }: Pick<Wheel, 'slots'>): number {
  return crc32(callId) % slots;
}

/**
 * A slot's place in the interval, in ms: 1 … interval. Never 0, which BullMQ
 * takes for "no offset".
 */
export function offsetOf(slot: number, wheel: Wheel): number {
  return 1 + Math.floor((slot * wheel.intervalMs) / wheel.slots);
}

/** The slot's last turn at or before an instant. */
export function turnAtOrBefore(slot: number, at: number, wheel: Wheel): number {
  const offset = offsetOf(slot, wheel);
  return Math.floor((at - offset) / wheel.intervalMs) * wheel.intervalMs + offset;
}

/** The slot's first turn after an instant. */
export function turnAfter(slot: number, at: number, wheel: Wheel): number {
  return turnAtOrBefore(slot, at, wheel) + wheel.intervalMs;
}

/** How long a slot has until the next one's turn, in ms. */
export function slotWidthMs(wheel: Wheel): number {
  return wheel.intervalMs / wheel.slots;
}
