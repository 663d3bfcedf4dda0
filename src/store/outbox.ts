import type { RedisClient } from './connection.ts';
import { sendEach } from './each.ts';
import { EVENTS_KEPT, EVENTS_KEY, slotKeys } from './keys.ts';

/** An event as it was put into a stream. */
export interface Told {
  /** By the stream: `<epoch ms>-<n>`. */
  readonly entryId: string;
  readonly type: string;
  /** The call's. */
  readonly id: string;
  /** As it is encoded. */
  readonly call: string;
}

/** An event that stands in a slot's outbox. */
interface Left extends Told {
  readonly slot: number;
}

/** So many are forwarded at once. */
const PIECE = 500;
/** More than these do not wait in memory: they stand in their outbox all the same. */
const MOST_WAITING = 10_000;
/** A writer forwards its events within moments; by then it is dead, or does not reach the stream. */
const LEFT_AFTER_MS = 2_000;

/**
 * In a Cluster a slot and the stream of events may be on two nodes, and no
 * script writes on both. So a change is told of in an outbox beside its slot, in
 * one step with it, and forwarded from there by whoever made it; what a writer
 * that died has left is forwarded by the next one that reads the slot. An event
 * may be in the stream twice then; `event`, an id of its own, tells.
 */
export class Outbox {
  readonly #redis: RedisClient;
  readonly #slots: number;
  #waiting: Left[] = [];
  #forwarding: Promise<void> | null = null;

  constructor(redis: RedisClient, slots: number) {
    this.#redis = redis;
    this.#slots = slots;
  }

  /** Takes note of what stands in a slot's outbox by now, and forwards it soon; its writer does not wait. */
  add(slot: number, told: Told): void {
    if (this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push({ ...told, slot });
    this.#forwarding ??= this.#forward();
  }

  /** What others have left in a slot's outbox. Where it cannot be had now, the next reader has it. */
  async sweep(slot: number): Promise<void> {
    await forwardLeft(this.#redis, slot, this.#slots, LEFT_AFTER_MS).catch(() => undefined);
  }

  /** Resolves when nothing waits any more. */
  async settled(): Promise<void> {
    await this.#forwarding;
  }

  async #forward(): Promise<void> {
    // Lets what is written in this turn of the event loop gather first.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const piece = this.#waiting.splice(0, PIECE);
      await forward(this.#redis, this.#slots, piece).catch(() => undefined); // left for a reader
    }
    this.#forwarding = null;
  }
}

/**
 * Forwards what has stood in a slot's outbox for longer than a grace; some 500
 * at most. Returns how many. Rejects with what Redis rejects with.
 */
export async function forwardLeft(
  redis: RedisClient,
  slot: number,
  slots: number,
  graceMs: number,
): Promise<number> {
  const entries = await redis.readLeft(slotKeys(slot, slots).outbox, graceMs, PIECE);
  const left = entries.map(([entryId, fields]) => {
    const field = (name: string) => fields[fields.indexOf(name) + 1] ?? '';
    return { slot, entryId, type: field('type'), id: field('id'), call: field('call') };
  });
  if (left.length > 0) await forward(redis, slots, left);
  return left.length;
}

/** Appends first, deletes then: in between it is in both. */
async function forward(redis: RedisClient, slots: number, piece: readonly Left[]): Promise<void> {
  const args = piece.flatMap(({ slot, entryId, type, id, call }) => [
    type,
    id,
    call,
    `${slot}/${slots}:${entryId}`,
  ]);
  await redis.appendEvents(EVENTS_KEY, EVENTS_KEPT, ...args);
  await sendEach(
    redis,
    [...Map.groupBy(piece, ({ slot }) => slot)].map(([slot, group]) => [
      'xdel',
      slotKeys(slot, slots).outbox,
      ...group.map(({ entryId }) => entryId),
    ]),
  );
}
