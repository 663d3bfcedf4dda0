import { setTimeout as sleep } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import { slotWidthMs, turnAtOrBefore, type Wheel } from '../../../src/calls/wheel.ts';
import { openQueue, type VisitData } from '../../../src/schedule/wheel-queue.ts';
import { QUEUE_PREFIX, slotKeys } from '../../../src/store/keys.ts';
import type { BenchRedis } from './redis.ts';

/**
 * Makes all calls due at one instant although the wheel turns as slowly as in production: each slot
 * gets one job for a missed turn, as the daemon itself adds after schedulers stood still.
 */
export class Turns implements AsyncDisposable {
  readonly #queue: Queue<VisitData>;
  readonly #wheel: Wheel;
  readonly #sizes: readonly number[];

  private constructor(queue: Queue<VisitData>, wheel: Wheel, sizes: readonly number[]) {
    this.#queue = queue;
    this.#wheel = wheel;
    this.#sizes = sizes;
  }

  /** For the calls that are in Redis now. Resolves when they are old enough for a first `fire`. */
  static async open({ client }: BenchRedis, wheel: Wheel): Promise<Turns> {
    const sizes = await Promise.all(
      Array.from({ length: wheel.slots }, (_, slot) =>
        client.hlen(slotKeys(slot, wheel.slots).tracked),
      ),
    );
    const queue = openQueue(client, QUEUE_PREFIX);
    await sleep(slotWidthMs(wheel) + 500);
    return new Turns(queue, wheel, sizes);
  }

  /**
   * Resolves with how many calls are due: fewer than all if some are being renewed just then. Wait
   * at least a slot's width after the last renewals.
   */
  async fire(): Promise<number> {
    const now = Date.now();
    // So long ago that the visits are no longer spread over the slot's width.
    const turnAt = now - Math.ceil(slotWidthMs(this.#wheel));
    await this.#queue.addBulk(
      this.#sizes.map((_, slot) => ({ name: 'turn', data: { slot, turnAt } })),
    );
    const isDue = (slot: number) => turnAtOrBefore(slot, now, this.#wheel) < turnAt;
    return this.#sizes.reduce((sum, size, slot) => sum + (isDue(slot) ? size : 0), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.close();
  }
}
