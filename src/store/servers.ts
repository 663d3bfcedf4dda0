import type { Cluster, Redis } from 'ioredis';
import { type ConnectionOptions, isCluster, type RedisClient } from './connection.ts';
import { diagnose } from './diagnosis.ts';
import { hashSlot } from './hash-slot.ts';
import { slotKeys } from './keys.ts';
import { assertSuitable, UnsuitableRedisError } from './suitable.ts';

export interface ServersOptions {
  /** Just made: none of its servers is connected yet. */
  readonly redis: RedisClient;
  /** How it was made. */
  readonly connection: ConnectionOptions;
  /** Of the wheel. */
  readonly slots: number;
}

/** Of a probe, in ms: long enough that a new replica finds the key there. */
const PROBE_MS = 60_000;

/** What is behind a connection: one server, or all masters of a Cluster. */
export class Servers {
  readonly #options: ServersOptions;
  /** By the slots of the wheel. */
  readonly #hashSlots: readonly number[];
  #changes = 0;
  #masters: ReadonlySet<string> = new Set();
  #wasSuitable = false;

  constructor(options: ServersOptions) {
    this.#options = options;
    const { redis, slots } = options;
    this.#hashSlots = Array.from({ length: slots }, (_, slot) =>
      hashSlot(slotKeys(slot, slots).calls),
    );
    const count = () => {
      this.#changes++;
    };
    if (isCluster(redis)) redis.on('+node', (node: Redis) => node.on('ready', count));
    else redis.on('ready', count);
  }

  /**
   * Grows with each connection that is made, and each master that takes over:
   * either may lead to a server without the last writes of the one before.
   */
  get changes(): number {
    return this.#changes;
  }

  /** See `assertSuitable`; says what is wrong with REDIS_URL where that is why nothing answers. */
  async assertSuitable(): Promise<void> {
    const { redis, connection } = this.#options;
    try {
      await assertSuitable(redis);
      this.#wasSuitable = true;
    } catch (error) {
      if (!this.#wasSuitable && !(error instanceof UnsuitableRedisError))
        await diagnose(connection);
      throw error;
    }
  }

  /**
   * Asks each master of a Cluster, by a write, whether it serves. Resolves with
   * the slots of the wheel that it found nobody to serve; none where there is
   * one server, whose state shows in whatever is asked of it. Never rejects.
   */
  async findSilent(): Promise<ReadonlySet<number>> {
    const { redis, slots } = this.#options;
    if (!isCluster(redis)) return new Set();
    const silent = new Set<number>();
    const groups = this.#slotsByMaster(redis);
    await Promise.all(
      [...groups].map(async ([, group]) => {
        const { probe } = slotKeys(group[0] ?? 0, slots);
        try {
          await redis.set(probe, 1, 'PX', PROBE_MS);
        } catch {
          for (const slot of group) silent.add(slot);
        }
      }),
    );
    this.#noteMasters(redis);
    return silent;
  }

  /** A master serves all of its hash slots, or none: to ask for one of each is enough. */
  #slotsByMaster(redis: Cluster): ReadonlyMap<string, number[]> {
    const slots = this.#hashSlots.map((_, slot) => slot);
    return Map.groupBy(slots, (slot) => redis.slots[this.#hashSlots[slot] ?? 0]?.[0] ?? '');
  }

  #noteMasters(redis: Cluster): void {
    const masters = redis.nodes('master').map(({ options }) => `${options.host}:${options.port}`);
    if (masters.some((master) => !this.#masters.has(master))) this.#changes++;
    this.#masters = new Set(masters);
  }
}
