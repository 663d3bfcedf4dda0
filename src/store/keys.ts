/**
 * The names of all our keys in Redis; BullMQ's own start with {@link QUEUE_PREFIX}.
 * A slot's keys share a hash tag, so a Redis Cluster keeps them on one node and
 * spreads the slots over all. The number of slots is part of the tag: a wheel
 * of another size has other keys, and laying the wheel anew copies from one set
 * to the other.
 */
export interface SlotKeys {
  /** Hash: id → encoded call. */
  readonly calls: string;
  /** Hash: id → encoded call that has left the schedule. */
  readonly gone: string;
  /** Sorted set: id by the instant it left, epoch ms. */
  readonly goneAt: string;
  /** Held by the replica that makes up for a missed turn of the slot. */
  readonly lock: string;
}

export function slotKeys(slot: number, slots: number): SlotKeys {
  const tag = `callkeeper:{${slot}/${slots}}`;
  return {
    calls: `${tag}:calls`,
    gone: `${tag}:gone`,
    goneAt: `${tag}:gone-at`,
    lock: `${tag}:lock`,
  };
}

/** Hash: the shape of the wheel that is laid, and the marker that this Redis holds our data. */
export const WHEEL_KEY = 'callkeeper:wheel';
/** Sorted set: replica by the instant until which it counts as living, Redis's clock. */
export const REPLICAS_KEY = 'callkeeper:replicas';
/** Stream: what is tracked and what leaves the schedule. */
export const EVENTS_KEY = 'callkeeper:events';
/** About so many events are kept. */
export const EVENTS_KEPT = 10_000;
/** Held while the wheel is laid anew. */
export const LAYING_KEY = 'callkeeper:laying';

export const QUEUE_PREFIX = '{callkeeper}';
