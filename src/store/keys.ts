/**
 * The names of all our keys in Redis; BullMQ's own start with {@link QUEUE_PREFIX}.
 * A slot's keys share a hash tag, so a Redis Cluster keeps them on one node and
 * spreads the slots over all.
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
  /** Stream, in a Cluster: events of the slot that are not in {@link EVENTS_KEY} yet. */
  readonly outbox: string;
  /** Held by the replica that forwards what others have left in the outbox. */
  readonly outboxClaim: string;
  /** Written where a node is asked whether it serves the slot. */
  readonly probe: string;
}

export function slotKeys(slot: number, slots: number): SlotKeys {
  const tag = `callkeeper:{${slot}/${slots}}`;
  return {
    calls: `${tag}:calls`,
    gone: `${tag}:gone`,
    goneAt: `${tag}:gone-at`,
    lock: `${tag}:lock`,
    outbox: `${tag}:outbox`,
    outboxClaim: `${tag}:outbox-claim`,
    probe: `${tag}:probe`,
  };
}

/**
 * What is kept once: beside each other on one node of a Cluster, so that a
 * script may use several, and so that the node which answers for the one
 * answers for all.
 */
export const QUEUE_PREFIX = '{callkeeper}';
const COMMON = `callkeeper:${QUEUE_PREFIX}`;

/** Hash: the interval of the replicas, and the marker that this Redis holds our data. */
export const WHEEL_KEY = `${COMMON}:wheel`;
/** Sorted set: replica by the instant until which it counts as living, Redis's clock. */
export const REPLICAS_KEY = `${COMMON}:replicas`;
/** What a replica says of its work; expires. */
export function shareKey(replica: string): string {
  return `${COMMON}:share:${replica}`;
}

/** Stream: what is tracked and what leaves the schedule. */
export const EVENTS_KEY = `${COMMON}:events`;
/** Held by the replica that hands events on to webhooks. */
export const FORWARDING_KEY = `${COMMON}:forwarding`;

/** Sorted set: what is to be delivered of a call by webhook, by place in the stream. */
export function deliveriesKey(callId: string): string {
  return `${COMMON}:deliveries:${callId}`;
}

/** There where a webhook, named by a digest of its URL, said that it is gone. */
export function goneUrlKey(digest: string): string {
  return `${COMMON}:gone-url:${digest}`;
}

/** About so many events are kept. */
export const EVENTS_KEPT = 10_000;
