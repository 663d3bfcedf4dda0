import type { Call, GoneCall } from '../calls/call.ts';
import { AT_RISK_SHARE, deadlineAt } from '../calls/deadline.ts';
import type { Entry } from '../calls/ports.ts';
import { decodeCall } from './codec.ts';

interface Summary {
  readonly failing: number;
  readonly nearestDeadlineAt: number;
}

/** One slot of the roster. */
export class RosterSlot {
  /** id → the call as encoded for Redis, which takes less memory than an object. */
  calls = new Map<string, string>();
  /** What was written here since the last whole read began, by the count of writes. */
  readonly touched = new Map<string, number>();
  /** Those that left lately, in the order in which they did. */
  readonly gone = new Map<string, GoneCall>();
  /** The mark of the last whole read that was taken over. */
  readAt = 0;
  /** How many calls of the slot were left out for want of room. */
  unheld = 0;
  /** Until the slot changes; counting reads every call. */
  #summary: Summary | null = null;

  entries(): Entry[] {
    return [...this.calls].map(([id, version]) => ({ call: decodeCall(id, version), version }));
  }

  find(id: string): Entry | null {
    const version = this.calls.get(id);
    return version === undefined ? null : { call: decodeCall(id, version), version };
  }

  changed(): void {
    this.#summary = null;
  }

  summary(deadlineMs: number): Summary {
    this.#summary ??= this.#summarise(deadlineMs);
    return this.#summary;
  }

  atRisk(now: number, deadlineMs: number): number {
    const risky = deadlineMs * AT_RISK_SHARE;
    if (this.summary(deadlineMs).nearestDeadlineAt - now >= risky) return 0;
    let count = 0;
    for (const call of this.#decoded()) if (deadlineAt(call, deadlineMs) - now < risky) count++;
    return count;
  }

  #summarise(deadlineMs: number): Summary {
    let failing = 0;
    let nearestDeadlineAt = Infinity;
    for (const call of this.#decoded()) {
      if (call.consecutiveFailures > 0) failing++;
      nearestDeadlineAt = Math.min(nearestDeadlineAt, deadlineAt(call, deadlineMs));
    }
    return { failing, nearestDeadlineAt };
  }

  *#decoded(): Iterable<Call> {
    for (const [id, version] of this.calls) yield decodeCall(id, version);
  }
}
