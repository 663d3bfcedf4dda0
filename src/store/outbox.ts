import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { pieces } from '../calls/pieces.ts';
import type { RedisClient } from './connection.ts';
import { sendEach } from './each.ts';
import { EVENTS_KEPT, EVENTS_KEY, slotKeys } from './keys.ts';
import { fieldOf, type StreamEntry } from './stream-entry.ts';

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
  /** The event's own, by which a repeat is recognised: `<slot>/<slots>:<entryId>`. */
  readonly event: string;
}

/** What one script appended to the stream of events: all of it is there, or nothing. */
interface Forwarded {
  readonly events: readonly Left[];
  /** Of the last of them, by the stream. */
  readonly lastId: string;
}

export interface OutboxOptions {
  /** Resolves when the stream's node has passed on to its replicas what it took, or is gone. */
  readonly passedOn?: () => Promise<void>;
  /** By then a writer mostly has its events out of their outbox, or is dead, in ms. */
  readonly leftAfterMs?: number;
}

/** So many are forwarded at once. */
const PIECE = 500;
/** So many slots are swept at once. */
const SLOTS_AT_ONCE = 16;
/** More than these are not held in memory: they stand in their outbox all the same. */
const MOST_HELD = 50_000;

/**
 * In a Cluster a slot and the stream of events may be on two nodes, and no
 * script writes on both. So a change is told of in an outbox beside its slot, in
 * one step with it, and forwarded from there by whoever made it. It leaves the
 * outbox when it has been in the stream for long enough to outlive the stream's
 * node. What a writer that died has left, or could not forward, is forwarded by
 * one that reads the slot. An event may be in the stream more than once then;
 * `event`, an id of its own, tells.
 */
export class Outbox {
  readonly #redis: RedisClient;
  readonly #slots: number;
  readonly #passedOn: () => Promise<void>;
  readonly #leftAfterMs: number;
  /** The own ids of the events that are waiting or forwarded. */
  readonly #held = new Set<string>();
  #waiting: Left[] = [];
  #forwarding: Promise<void> | null = null;
  #forwarded: Forwarded[] = [];
  #clearing: Promise<void> | null = null;
  /** Slots to be swept again, whoever reads them. */
  readonly #unswept = new Set<number>();
  #sweeping: Promise<void> | null = null;

  constructor(redis: RedisClient, slots: number, options: OutboxOptions = {}) {
    this.#redis = redis;
    this.#slots = slots;
    this.#passedOn = options.passedOn ?? (() => sleep(1_000));
    this.#leftAfterMs = options.leftAfterMs ?? 5_000;
  }

  /** Takes note of what stands in a slot's outbox by now, and forwards it soon; its writer does not wait. */
  add(slot: number, told: Told): void {
    if (this.#held.size < MOST_HELD) this.#hold([leftIn(slot, this.#slots, told)]);
    else this.#sweepLater([slot]);
  }

  /**
   * Forwards what others have left in a slot's outbox; what they may yet forward themselves
   * is looked at again. Where it cannot be had now, the next reader has it.
   */
  async sweep(slot: number): Promise<void> {
    if (await this.#sweep(slot).catch(() => false)) this.#sweepLater([slot]);
  }

  /** Resolves when nothing is held any more; soon too where the stream cannot be had. */
  async settled(): Promise<void> {
    while (this.#forwarding ?? this.#clearing) {
      await this.#forwarding;
      await this.#clearing;
    }
  }

  #hold(events: readonly Left[]): void {
    for (const { event } of events) this.#held.add(event);
    this.#forwardSoon(events);
  }

  #release(events: readonly Left[]): void {
    for (const { event } of events) this.#held.delete(event);
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
        const lastId = await append(this.#redis, events);
        this.#forwarded.push({ events, lastId });
        this.#clearing ??= this.#clearAll();
      } catch {
        this.#leave([...events, ...this.#waiting.splice(0)]);
      }
    }
    this.#forwarding = null;
  }

  async #clearAll(): Promise<void> {
    while (this.#forwarded.length > 0) {
      const forwarded = this.#forwarded.splice(0);
      await this.#passedOn();
      await Promise.all(forwarded.map((piece) => this.#clear(piece)));
    }
    this.#clearing = null;
  }

  async #clear({ events, lastId }: Forwarded): Promise<void> {
    try {
      if (!(await isKept(this.#redis, lastId))) return this.#forwardSoon(events);
    } catch {
      return this.#leave(events);
    }
    await takeOut(this.#redis, this.#slots, events).catch(() => undefined); // the next reader has it
    this.#release(events);
  }

  /** To be forwarded by whoever comes first: this or another replica, or a reader of the slot. */
  #leave(events: readonly Left[]): void {
    this.#release(events);
    this.#sweepLater(events.map(({ slot }) => slot));
  }

  #sweepLater(slots: readonly number[]): void {
    for (const slot of slots) this.#unswept.add(slot);
    this.#sweeping ??= this.#sweepAll();
  }

  async #sweepAll(): Promise<void> {
    while (this.#unswept.size > 0) {
      await sleep(this.#leftAfterMs, undefined, { ref: false });
      const slots = [...this.#unswept];
      this.#unswept.clear();
      for (const some of pieces(slots, SLOTS_AT_ONCE)) {
        await Promise.all(some.map((slot) => this.sweep(slot)));
      }
    }
    this.#sweeping = null;
  }

  /** @returns whether more stands there: it is too new, another reader's for now, or too much. */
  async #sweep(slot: number): Promise<boolean> {
    if (this.#held.size >= MOST_HELD) return true;
    const { outbox, outboxClaim } = slotKeys(slot, this.#slots);
    const [all, entries] = await this.#redis.claimLeft(
      outbox,
      outboxClaim,
      this.#leftAfterMs,
      PIECE,
    );
    const left = entries.map((entry) => leftIn(slot, this.#slots, toldBy(entry)));
    this.#hold(left.filter(({ event }) => !this.#held.has(event)));
    return all > entries.length;
  }
}

function leftIn(slot: number, slots: number, told: Told): Left {
  return { ...told, slot, event: `${slot}/${slots}:${told.entryId}` };
}

function toldBy([entryId, fields]: StreamEntry): Told {
  return {
    entryId,
    type: fieldOf(fields, 'type'),
    id: fieldOf(fields, 'id'),
    call: fieldOf(fields, 'call'),
  };
}

/** @returns the id of the last in the stream. */
async function append(redis: RedisClient, events: readonly Left[]): Promise<string> {
  const args = events.flatMap(({ type, id, call, event }) => [type, id, call, event]);
  return await redis.appendEvents(EVENTS_KEY, EVENTS_KEPT, ...args);
}

/** Whether the stream has an entry, or has had so many since that it has dropped it. */
async function isKept(redis: RedisClient, entryId: string): Promise<boolean> {
  const [newest] = await redis.xrevrange(EVENTS_KEY, entryId, '-', 'COUNT', 1);
  if (newest) return newest[0] === entryId;
  return (await redis.xlen(EVENTS_KEY)) >= EVENTS_KEPT;
}

/** Rejects with the first error, when all that can be is out of its outbox. */
async function takeOut(redis: RedisClient, slots: number, events: readonly Left[]): Promise<void> {
  const replies = await sendEach(
    redis,
    [...Map.groupBy(events, ({ slot }) => slot)].map(([slot, group]) => [
      'xdel',
      slotKeys(slot, slots).outbox,
      ...group.map(({ entryId }) => entryId),
    ]),
  );
  for (const [error] of replies) if (error) throw error;
}
