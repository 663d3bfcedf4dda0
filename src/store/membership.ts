import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Wheel } from '../calls/wheel.ts';
import type { RedisClient } from './connection.ts';
import { LAYING_KEY, REPLICAS_KEY, WHEEL_KEY } from './keys.ts';

export interface MembershipOptions {
  readonly redis: RedisClient;
  readonly wheel: Wheel;
  /** Names this process among the replicas. */
  readonly replica: string;
  /** How long the others go on believing that a replica lives which says nothing, in ms. */
  readonly believedMs: number;
  readonly onClock: OnClock;
}

/**
 * - `joined`: this replica counts among those that turn this wheel. The era is
 *   another one where Redis was new, or has lost its data; `isOlder` where it
 *   has gone back to data from before the last sign of life.
 * - `different`: another wheel is laid; `others` are the living replicas that turn it.
 */
export type Verdict =
  | { readonly kind: 'joined'; readonly era: string; readonly isOlder: boolean }
  | { readonly kind: 'different'; readonly laid: Wheel; readonly others: readonly string[] };

/** Told of each reading of Redis's clock; see `RefereedClock.setBy`. */
export type OnClock = (redisMs: number, sentAt: number, receivedAt: number) => void;

/** The replicas of one Redis, which must agree on the wheel. Rejects with what Redis rejects with. */
export class Membership {
  readonly #options: MembershipOptions;
  #lastBeat = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Joins, or says that this replica still lives. */
  async join(): Promise<Verdict> {
    const { redis, wheel, replica, believedMs, onClock } = this.#options;
    const sentAt = performance.now();
    const reply = await redis.joinWheel(
      WHEEL_KEY,
      REPLICAS_KEY,
      LAYING_KEY,
      replica,
      believedMs,
      wheel.intervalMs,
      wheel.slots,
      randomUUID(),
    );
    if (!Array.isArray(reply) || !Number.isInteger(reply[6])) {
      // The answer to another command: whatever comes on this connection is out of step.
      redis.disconnect(true);
      throw new Error('Redis gave an answer that is none to what was asked');
    }
    const [verdict, intervalMs, slots, replicas, era, beat, nowMs] = reply;
    onClock(nowMs, sentAt, performance.now());
    if (verdict === 'different') {
      const laid = { intervalMs: Number(intervalMs), slots: Number(slots) };
      return { kind: verdict, laid, others: replicas.filter((id) => id !== replica) };
    }
    const isOlder = beat <= this.#lastBeat;
    this.#lastBeat = beat;
    return { kind: verdict, era, isOlder };
  }

  async leave(): Promise<void> {
    const { redis, replica } = this.#options;
    await redis.zrem(REPLICAS_KEY, replica);
  }
}
