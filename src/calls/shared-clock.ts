import { setTimeout as sleep } from 'node:timers/promises';
import type { SettledClock } from './ports.ts';

/**
 * The clock that all replicas share. The instants in the registry are compared with each other, so
 * all replicas must read the same clock, but it need not be right. They read Redis's, because all
 * of them talk to Redis. Between two readings, and while Redis is out, the process's monotonic time
 * carries on, so a jump of this machine's clock does nothing. Until the first reading the replica
 * uses the machine's clock.
 *
 * Redis's clock can take a step: after a failover to a node with another clock, or when somebody
 * sets it. `settledNow` is the same clock without any step forward that is younger than `settleMs`:
 *
 *     now         12:00 ── 12:05 ═step═▶ 13:05 ── 13:06 ═back═▶ 12:06
 *     settledNow  12:00 ── 12:05 ─────── 12:05 ── 12:06 ─────── 12:06
 *
 * A step back needs no such care: it makes things late, never too early.
 */
export class SharedClock implements SettledClock {
  /** What to add to the monotonic time for epoch ms. */
  #epochMs = Date.now() - performance.now();
  /** The same, without steps forward that are younger than `settleMs`. */
  #settledEpochMs = this.#epochMs;
  #steppedAt = Number.NEGATIVE_INFINITY;
  readonly #stepMs: number;
  readonly #settleMs: number;

  /**
   * @param stepMs a reading that is off by more than this is a step, in ms
   * @param settleMs `settledNow` follows a step forward after this long, in ms
   */
  constructor(stepMs: number, settleMs: number) {
    this.#stepMs = stepMs;
    this.#settleMs = settleMs;
  }

  now(): number {
    return Math.round(this.#epochMs + performance.now());
  }

  settledNow(): number {
    return Math.round(Math.min(this.#epochMs, this.#settledEpochMs) + performance.now());
  }

  /**
   * Takes a reading of Redis's clock, made between two instants of our monotonic time. A slow
   * answer is imprecise, so this corrects our clock only as far as it must be wrong. The first
   * reading may be a step too: before it, the replica has only the clock of its machine.
   */
  setBy(redisMs: number, sentAt: number, receivedAt: number): void {
    const latest = redisMs - sentAt;
    const earliest = redisMs - receivedAt;
    const before = this.#epochMs;
    this.#epochMs = Math.min(latest, Math.max(earliest, before));
    if (this.#epochMs - before > this.#stepMs) this.#steppedAt = receivedAt;
    const isSteady = this.#epochMs - this.#settledEpochMs <= this.#stepMs;
    if (isSteady || receivedAt - this.#steppedAt >= this.#settleMs) {
      this.#settledEpochMs = this.#epochMs;
    }
  }

  /** How far this machine's clock, which BullMQ goes by, is ahead of ours, in ms. */
  machineAheadMs(): number {
    return Date.now() - this.now();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined); // aborted: as asked
  }
}
