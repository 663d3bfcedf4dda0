import { randomUUID } from 'node:crypto';
import { batchesOf } from '../calls/batches-of.ts';
import { StoreUnavailableError } from '../calls/ports.ts';
import { slotOf } from '../calls/wheel.ts';
import type { RedisClient } from './connection.ts';
import { yieldToEventLoop } from './event-loop.ts';
import { EVENTS_KEPT, EVENTS_KEY, HANDOVER_KEY, type SlotKeys } from './keys.ts';
import type { SharedRegistry, Write, WriteReply } from './shared-registry.ts';
import { WriteQueue } from './write-queue.ts';

/** The most writes of one script, so that Redis can serve others in between. */
const WRITE_SIZE = 500;
/** The most fields that one command reads, for the same reason. */
const READ_SIZE = 500;
const PRUNE_SIZE = 1_000;

export interface RedisRegistryOptions {
  readonly redis: RedisClient;
  readonly slots: number;
  readonly keysOf: (slot: number, slots: number) => SlotKeys;
  /** Without webhooks this replica trims the stream of deliveries, because nobody may read it. */
  readonly hasWebhooks: boolean;
}

/** A registry in Redis: each slot has one hash of tracked records and one of removed records. */
export class RedisRegistry implements SharedRegistry {
  readonly #options: RedisRegistryOptions;
  readonly #holder = randomUUID();
  readonly #writes = new WriteQueue<Write, WriteReply>(WRITE_SIZE, (writes) =>
    this.#writeAll(writes),
  );

  constructor(options: RedisRegistryOptions) {
    this.#options = options;
  }

  async readSlot(slot: number): Promise<ReadonlyMap<string, string>> {
    const texts = new Map<string, string>();
    let cursor = '0';
    do {
      const [next, flat] = await this.#run((redis) =>
        redis.hscan(this.#keys(slot).tracked, cursor, 'COUNT', READ_SIZE),
      );
      for (let i = 0; i < flat.length; i += 2) texts.set(flat[i] ?? '', flat[i + 1] ?? '');
      await yieldToEventLoop(flat.length / 2);
      cursor = next;
    } while (cursor !== '0');
    return texts;
  }

  trackedIds(slot: number): Promise<string[]> {
    return this.#run((redis) => redis.hkeys(this.#keys(slot).tracked));
  }

  removedSince(slot: number, since: number): Promise<string[]> {
    const { removedAt } = this.#keys(slot);
    return this.#run((redis) => redis.zrangebyscore(removedAt, since, '+inf'));
  }

  async read(ids: readonly string[]): Promise<string[]> {
    const texts = new Map<string, string>();
    const bySlot = Map.groupBy(ids, (id) => slotOf(id, this.#options));
    const reads = [...bySlot].flatMap(([slot, inSlot]) =>
      [...batchesOf(inSlot, READ_SIZE)].map(async (chunk) => {
        const { tracked, removed } = this.#keys(slot);
        // Redis answers in order, so a call removed in between is found among the removed ones.
        const found = await Promise.all([
          this.#run((redis) => redis.hmget(tracked, ...chunk)),
          this.#run((redis) => redis.hmget(removed, ...chunk)),
        ]);
        for (const [i, id] of chunk.entries()) {
          texts.set(id, found[0]?.[i] ?? found[1]?.[i] ?? '');
        }
      }),
    );
    await Promise.all(reads);
    return ids.map((id) => texts.get(id) ?? '');
  }

  /** The instant of the first of a slot's last `count` removals; 0 if there were fewer. */
  async removalAt(slot: number, count: number): Promise<number> {
    const { removedAt } = this.#keys(slot);
    const [, at = 0] = await this.#run((redis) =>
      redis.zrange(removedAt, `-${count}`, `-${count}`, 'WITHSCORES'),
    );
    return Number(at);
  }

  write(writes: readonly Write[]): Promise<WriteReply[]> {
    return this.#writes.add(writes);
  }

  async tryLock(slot: number, forMs: number): Promise<boolean> {
    const { lock } = this.#keys(slot);
    const hold = (redis: RedisClient) => redis.holdLock(lock, this.#holder, Math.ceil(forMs));
    return (await this.#run(hold)) === 1;
  }

  async prune(slot: number, before: number): Promise<void> {
    const { removed, removedAt } = this.#keys(slot);
    const prune = () => {
      return this.#run((redis) => redis.pruneRemoved(removed, removedAt, before, PRUNE_SIZE));
    };
    let pruned = PRUNE_SIZE;
    while (pruned === PRUNE_SIZE) pruned = await prune();
  }

  async #writeAll(writes: readonly Write[]): Promise<WriteReply[]> {
    const bySlot = Map.groupBy(writes, ({ id }) => slotOf(id, this.#options));
    const order = [...bySlot.values()].flat();
    const replies = await this.#writeBySlot(bySlot);
    const byWrite = new Map(order.map((write, i) => [write, replies[i] ?? null]));
    return writes.map((write) => byWrite.get(write) ?? null);
  }

  /** If the keys of one slot have the wrong type, the other slots are still written. */
  async #writeBySlot(bySlot: ReadonlyMap<number, readonly Write[]>): Promise<WriteReply[]> {
    try {
      return await this.#writeAtOnce(bySlot);
    } catch (error) {
      if (!(error instanceof WrongTypeError)) throw error;
      const replies: WriteReply[] = [];
      for (const [slot, writes] of bySlot) {
        if (await this.#isOurs(slot))
          replies.push(...(await this.#writeAtOnce(new Map([[slot, writes]]))));
        else replies.push(...writes.map(() => null));
      }
      return replies;
    }
  }

  async #writeAtOnce(bySlot: ReadonlyMap<number, readonly Write[]>): Promise<WriteReply[]> {
    const keys: string[] = [EVENTS_KEY, HANDOVER_KEY];
    const args: (string | number)[] = [EVENTS_KEPT, this.#options.hasWebhooks ? 0 : EVENTS_KEPT];
    for (const [slot, writes] of bySlot) {
      const { tracked, removed, removedAt } = this.#keys(slot);
      keys.push(tracked, removed, removedAt);
      args.push(writes.length, ...writes.flatMap(toArgs));
    }
    const replies = await this.#run((redis) => redis.writeRecords(keys.length, ...keys, ...args));
    return replies.map((reply) => reply === 1 || reply);
  }

  async #isOurs(slot: number): Promise<boolean> {
    const { tracked, removed, removedAt } = this.#keys(slot);
    try {
      await this.#run((redis) => redis.hlen(tracked));
      await this.#run((redis) => redis.hlen(removed));
      await this.#run((redis) => redis.zcard(removedAt));
      return true;
    } catch (error) {
      if (error instanceof WrongTypeError) return false;
      throw error;
    }
  }

  #keys(slot: number) {
    const { keysOf, slots } = this.#options;
    return keysOf(slot, slots);
  }

  async #run<T>(command: (redis: RedisClient) => Promise<T>): Promise<T> {
    try {
      return await command(this.#options.redis);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason.startsWith('WRONGTYPE')) throw new WrongTypeError(reason, { cause: error });
      throw new StoreUnavailableError(`Redis: ${reason}`, { cause: error });
    }
  }
}

/** A key of ours has another type, so something else wrote it, and its slot cannot be served. */
export class WrongTypeError extends StoreUnavailableError {}

/** See the script `writeRecords`. */
function toArgs({ id, expected, text, removedAt, announcements }: Write): (string | number)[] {
  const events = announcements.map(({ type, name, at }) => `${type}\n${name}\n${at}\n`);
  return [id, expected, text, removedAt ?? '', events.join('')];
}
