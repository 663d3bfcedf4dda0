/**
 * The names of all our keys in Redis. All of them, BullMQ's too, have the same hash tag, so a Redis
 * Cluster keeps them on one node: a script can write a record and its event together, and a failed
 * node is the same case as a failed single Redis. A million calls take some 200 MB and 1 % of
 * a core, so to spread them would gain nothing. The number in the tag is the version of the layout;
 * it changes when an older version could not read the layout.
 */
const TAG = '{callkeeper:1}';

export const QUEUE_PREFIX = TAG;

export interface SlotKeys {
  /** Hash: id → record of what is tracked. */
  readonly tracked: string;
  /** Hash: id → record of what was removed. */
  readonly removed: string;
  /** Sorted set: id by the instant of its removal, epoch ms. */
  readonly removedAt: string;
  /** Lock of the replica that makes up for a missed turn of the slot. */
  readonly lock: string;
}

export function slotKeys(slot: number, slots: number): SlotKeys {
  return keysUnder(`${TAG}:slot:${slot}/${slots}`);
}

/** Owners have slots of their own. */
export function ownerKeys(slot: number, slots: number): SlotKeys {
  return keysUnder(`${TAG}:owners:${slot}/${slots}`);
}

function keysUnder(prefix: string): SlotKeys {
  return {
    tracked: `${prefix}:tracked`,
    removed: `${prefix}:removed`,
    removedAt: `${prefix}:removed-at`,
    lock: `${prefix}:lock`,
  };
}

/** Lock of the replica that expires leases. */
export const LEASE_LOCK_KEY = `${TAG}:judge`;
/** Hash: the first and the last heartbeat since the last break in service; Redis's clock, ms. */
export const SERVED_KEY = `${TAG}:served`;

/** String: the interval of the replicas, ms; the marker that this Redis holds our data. */
export const WHEEL_KEY = `${TAG}:wheel`;
/** Sorted set: replica by the instant until which it counts as living, Redis's clock. */
export const REPLICAS_KEY = `${TAG}:replicas`;
/** Hash: replica → its page of the diary of the last day. */
export const DIARIES_KEY = `${TAG}:diaries`;

/** Written to see whether Redis takes writes; nobody reads it. */
export const PROBE_KEY = `${TAG}:probe`;
export const PROBE_MS = 1_000;
/** Stream: all events, for the feeds of the replicas and for clients. */
export const EVENTS_KEY = `${TAG}:events`;
/** Stream: the events for webhooks (all except `tracked`) that are not in their queue yet. */
export const HANDOVER_KEY = `${TAG}:handover`;
/** Exists while webhooks are switched on, and for a day afterwards. */
export const WEBHOOKS_ON_KEY = `${TAG}:webhooks-on`;
/** Lock of the replica that moves events into the queue of webhooks. */
export const FORWARDING_KEY = `${TAG}:forwarding`;

/** Sorted set: the deliveries of a call, by place in the stream of events. */
export function deliveriesKey(callId: string): string {
  return `${TAG}:deliveries:${callId}`;
}

/** Exists if a webhook answered 410 (gone). The name is a digest of its URL. */
export function goneUrlKey(digest: string): string {
  return `${TAG}:gone-url:${digest}`;
}

export const EVENTS_KEPT = 10_000;
