import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from './calls/ports.ts';

/**
 * The clock that all replicas share. Redis's clock is the referee: the instants
 * in the registry are compared with each other, so what counts is that all
 * replicas read the same clock, not that it is right; and Redis is the one
 * party that all of them talk to. Between two readings, and while Redis is
 * away, the process's monotonic time carries on, so a jump of this machine's
 * clock does nothing. Until the first reading the machine's clock has to do.
 */
export class RefereedClock implements Clock {
  /** What to add to the monotonic time for epoch ms. */
  #epochMs = Date.now() - performance.now();
  #isSet = false;
  #steppedAt = Number.NEGATIVE_INFINITY;
  readonly #stepMs: number;

  /** @param stepMs a reading that contradicts the time that has passed by more is a step, in ms */
  constructor(stepMs: number) {
    this.#stepMs = stepMs;
  }

  now(): number {
    return Math.round(this.#epochMs + performance.now());
  }

  /**
   * Takes a reading of Redis's clock, made in between two instants of our
   * monotonic time. A slow answer says little: it only counts as far as it
   * contradicts us for certain.
   */
  setBy(redisMs: number, sentAt: number, receivedAt: number): void {
    const latest = redisMs - sentAt;
    const earliest = redisMs - receivedAt;
    const before = this.#epochMs;
    this.#epochMs = Math.min(latest, Math.max(earliest, before));
    if (this.#isSet && Math.abs(this.#epochMs - before) > this.#stepMs) {
      this.#steppedAt = performance.now();
    }
    this.#isSet = true;
  }

  /**
   * How long ago Redis's clock took a step, in ms, as after a failover to a node
   * with another clock; Infinity if never. Deadlines that were counted across a
   * step cannot be trusted.
   */
  sinceStepMs(): number {
    return performance.now() - this.#steppedAt;
  }

  /** How far this machine's clock, which BullMQ goes by, is ahead of ours, in ms. */
  machineAheadMs(): number {
    return Date.now() - this.now();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined); // aborted: as asked
  }
}
