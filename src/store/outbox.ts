import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
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

/** What was appended to the stream of events, in order. */
interface Forwarded {
  readonly events: readonly Left[];
  /** Of the last of them, by the stream. */
  readonly lastId: string;
}

/** So many are forwarded at once. */
const PIECE = 500;
/** More than these do not wait in memory: they stand in their outbox all the same. */
const MOST_WAITING = 50_000;
/** By then the stream's node has passed on to its replicas what it took, or is gone. */
const PASSED_ON_AFTER_MS = 1_000;
/** A writer has its events out of their outbox sooner; by then it is dead, or does not reach the stream. */
const LEFT_AFTER_MS = 5_000;

/**
 * In a Cluster a slot and the stream of events may be on two nodes, and no
 * script writes on both. So a change is told of in an outbox beside its slot, in
 * one step with it, and forwarded from there by whoever made it. It leaves the
 * outbox when it has been in the stream for long enough to outlive the stream's
 * node. What a writer that died has left, or could not forward, is forwarded by
 * the next one that reads the slot. An event may be in the stream twice then;
 * `event`, an id of its own, tells.
 */
export class Outbox {
  readonly #redis: RedisClient;
  readonly #slots: number;
  #waiting: Left[] = [];
  #forwarding: Promise<void> | null = null;
  #forwarded: Forwarded[] = [];
  #clearing: Promise<void> | null = null;
  /** In memory, waiting or forwarded. */
  #held = 0;

  constructor(redis: RedisClient, slots: number) {
    this.#redis = redis;
    this.#slots = slots;
  }

  /** Takes note of what stands in a slot's outbox by now, and forwards it soon; its writer does not wait. */
  add(slot: number, told: Told): void {
    if (this.#held >= MOST_WAITING) return;
    this.#held++;
    this.#forwardSoon([{ ...told, slot }]);
  }

  /** What others have left in a slot's outbox. Where it cannot be had now, the next reader has it. */
  async sweep(slot: number): Promise<void> {
    await forwardLeft(this.#redis, slot, this.#slots, LEFT_AFTER_MS).catch(() => undefined);
  }

  /** Resolves when nothing is held any more, at the latest some seconds after the last was added. */
  async settled(): Promise<void> {
    while (this.#forwarding ?? this.#clearing) {
      await this.#forwarding;
      await this.#clearing;
    }
  }

  #forwardSoon(events: readonly Left[]): void {
    this.#waiting.push(...events);
    this.#forwarding ??= this.#forward();
  }

  async #forward(): Promise<void> {
    // Lets what is written in this turn of the event loop gather first.
    await nextTurn();
    while (this.#waiting.length > 0) {
      const events = this.#waiting.splice(0, PIECE);
      try {
        this.#forwarded.push({ events, lastId: await append(this.#redis, this.#slots, events) });
        this.#clearing ??= this.#clear();
      } catch {
        this.#held -= events.length; // left for a reader
      }
    }
    this.#forwarding = null;
  }

  async #clear(): Promise<void> {
    while (this.#forwarded.length > 0) {
      const forwarded = this.#forwarded.splice(0);
      await sleep(PASSED_ON_AFTER_MS);
      const events = forwarded.flatMap((piece) => piece.events);
      const lastId = forwarded.at(-1)?.lastId ?? '';
      try {
        // The stream is in order: with the last all are there.
        if (await isKept(this.#redis, lastId)) await clear(this.#redis, this.#slots, events);
        else {
          this.#forwardSoon(events);
          continue;
        }
      } catch {
        // left for a reader
      }
      this.#held -= events.length;
    }
    this.#clearing = null;
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
  if (left.length > 0) {
    await append(redis, slots, left);
    await clear(redis, slots, left);
  }
  return left.length;
}

/** @returns the id of the last in the stream. */
async function append(redis: RedisClient, slots: number, events: readonly Left[]): Promise<string> {
  const args = events.flatMap(({ slot, entryId, type, id, call }) => [
    type,
    id,
    call,
    `${slot}/${slots}:${entryId}`,
  ]);
  return await redis.appendEvents(EVENTS_KEY, EVENTS_KEPT, ...args);
}

/** Whether the stream has an entry, or has had so many since that it has dropped it. */
async function isKept(redis: RedisClient, entryId: string): Promise<boolean> {
  const [newest] = await redis.xrevrange(EVENTS_KEY, entryId, '-', 'COUNT', 1);
  if (newest) return newest[0] === entryId;
  return (await redis.xlen(EVENTS_KEY)) >= EVENTS_KEPT;
}

/** What cannot be deleted is left for a reader. */
async function clear(redis: RedisClient, slots: number, events: readonly Left[]): Promise<void> {
  await sendEach(
    redis,
    [...Map.groupBy(events, ({ slot }) => slot)].map(([slot, group]) => [
      'xdel',
      slotKeys(slot, slots).outbox,
      ...group.map(({ entryId }) => entryId),
    ]),
  );
}
