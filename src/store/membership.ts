import { performance } from 'node:perf_hooks';
import type { RedisClient } from './connection.ts';
import { REPLICAS_KEY, SERVED_KEY, WHEEL_KEY } from './keys.ts';

export interface MembershipOptions {
  readonly redis: RedisClient;
  readonly intervalMs: number;
  readonly replica: string;
  /** How long a replica counts as alive after a heartbeat, in ms. */
  readonly heartbeatTtlMs: number;
  readonly onClock: OnClock;
}

/**
 * - `joined`: this replica is counted. `wasEmpty`: Redis was new or had lost its data.
 * - `different`: other living replicas have another interval.
 */
export type JoinResult =
  | { readonly kind: 'joined'; readonly wasEmpty: boolean }
  | { readonly kind: 'different'; readonly laidMs: number; readonly others: readonly string[] };

/** Called with each reading of Redis's clock; see `SharedClock.setBy`. */
export type OnClock = (redisMs: number, sentAt: number, receivedAt: number) => void;

/** The replicas of one Redis, which must agree on the interval. Rejects with Redis's errors. */
export class Membership {
  readonly #options: MembershipOptions;
  #servedSince: number | null = null;
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /**
   * The instant since which some replica has always served, epoch ms by the shared clock. null
   * before the first heartbeat, and if the last one is so old that there may have been a break.
   */
  get servedSince(): number | null {
    const { heartbeatTtlMs } = this.#options;
    return performance.now() - this.#answeredAt > heartbeatTtlMs ? null : this.#servedSince;
  }

  async join(): Promise<JoinResult> {
    const { redis, intervalMs, replica, heartbeatTtlMs, onClock } = this.#options;
    const sentAt = performance.now();
    const keys = [WHEEL_KEY, REPLICAS_KEY, SERVED_KEY] as const;
    const reply = await redis.joinWheel(...keys, replica, heartbeatTtlMs, intervalMs);
    if (!Array.isArray(reply) || !Number.isInteger(reply[4])) {
      // This is the answer to another command: the answers on this connection are out of step.
      redis.disconnect(true);
      throw new Error('Redis gave an unexpected answer');
    }
    const [verdict, laidMs, replicas, wasEmpty, nowMs, servedSince] = reply;
    this.#servedSince = servedSince;
    this.#answeredAt = sentAt;
    onClock(nowMs, sentAt, performance.now());
    if (verdict === 'different') {
      return { kind: verdict, laidMs: Number(laidMs), others: replicas };
    }
    return { kind: verdict, wasEmpty: wasEmpty === 1 };
  }

  async leave(): Promise<void> {
    const { redis, replica } = this.#options;
    await redis.zrem(REPLICAS_KEY, replica);
  }
}
