import { setTimeout as sleep } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import { slotWidthMs, turnAtOrBefore, type Wheel } from '../../../src/calls/wheel.ts';
import { openQueue, type VisitData } from '../../../src/schedule/wheel-queue.ts';
import { QUEUE_PREFIX, slotKeys } from '../../../src/store/keys.ts';
import type { BenchRedis } from './redis.ts';

/**
 * Has all calls be due in one instant, on a wheel that is turned as slowly as the
 * real one: each slot is given one job for a turn that was missed, as the daemon
 * itself does where schedulers had stood still.
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

  /** Of the calls that are in Redis now. Resolves when they are old enough for a first `fire`. */
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
   * Tells how many calls are due: less than all where some are just being kept alive
   * anyhow. Not before a slot's width has passed since they were kept alive last.
   */
  async fire(): Promise<number> {
    const now = Date.now();
    // So long ago that the visits are not spread over the slot's width any more.
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
