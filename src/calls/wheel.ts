import { crc32 } from 'node:zlib';

/**
 * The timing wheel. The interval is divided into slots; a hash of its id decides a call's slot.
 * Each slot is *visited* once an interval, at its turn. When a slot is due depends only on the
 * clock and this shape, so every replica knows it without asking another one.
 */
export interface Wheel {
  readonly intervalMs: number;
  /** {@link SLOTS}; unit tests use fewer. */
  readonly slots: number;
}

/** A constant, so that replicas cannot disagree, and a call never moves to another slot. */
export const SLOTS = 256;

/** 0 … slots − 1. */
export function slotOf(callId: string, { slots }: Pick<Wheel, 'slots'>): number {
  return crc32(callId) % slots;
}

/** In ms, 1 … interval. Never 0, which BullMQ takes for "no offset". */
export function offsetOf(slot: number, wheel: Wheel): number {
  return 1 + Math.floor((slot * wheel.intervalMs) / wheel.slots);
}

export function turnAtOrBefore(slot: number, at: number, wheel: Wheel): number {
  const offset = offsetOf(slot, wheel);
  return Math.floor((at - offset) / wheel.intervalMs) * wheel.intervalMs + offset;
}

export function turnAfter(slot: number, at: number, wheel: Wheel): number {
  return turnAtOrBefore(slot, at, wheel) + wheel.intervalMs;
}

/** Time between the turns of two neighbouring slots, in ms. */
export function slotWidthMs(wheel: Wheel): number {
  return wheel.intervalMs / wheel.slots;
}
