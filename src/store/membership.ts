import type { Redis } from 'ioredis';
import type { Wheel } from '../calls/wheel.ts';
import { REPLICAS_KEY, WHEEL_KEY } from './keys.ts';

export interface MembershipOptions {
  readonly redis: Redis;
  readonly wheel: Wheel;
  /** Names this process among the replicas. */
  readonly replica: string;
  /** How long the others go on believing that a replica lives which says nothing, in ms. */
  readonly believedMs: number;
}

/**
 * - `joined`: this replica counts among those that turn this wheel.
 * - `laid`: so too, and there was no wheel: this Redis is new, or has lost its data.
 * - `different`: another wheel is laid; `others` are the living replicas that turn it.
 */
export type Verdict =
  | { readonly kind: 'joined' | 'laid'; readonly replicas: number }
  | { readonly kind: 'different'; readonly laid: Wheel; readonly others: readonly string[] };

/** The replicas of one Redis, which must agree on the wheel. Rejects with what Redis rejects with. */
export class Membership {
  readonly #options: MembershipOptions;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Joins, or says that this replica still lives. */
  async join(): Promise<Verdict> {
    const { redis, wheel, replica, believedMs } = this.#options;
    const [verdict, intervalMs, slots, replicas] = await redis.joinWheel(
      WHEEL_KEY,
      REPLICAS_KEY,
      replica,
      believedMs,
      wheel.intervalMs,
      wheel.slots,
    );
    if (verdict !== 'different') return { kind: verdict, replicas: replicas.length };
    const laid = { intervalMs: Number(intervalMs), slots: Number(slots) };
    return { kind: 'different', laid, others: replicas.filter((id) => id !== replica) };
  }

  async leave(): Promise<void> {
    const { redis, replica } = this.#options;
    await redis.zrem(REPLICAS_KEY, replica);
  }
}
