import { deadlineAt } from '../calls/deadline.ts';
import { FOREIGN } from '../calls/outcome.ts';
import { isQuiet, lookAgainAt, type PlanTimings, planVisit, type Timing } from '../calls/plan.ts';
import type { CallRegistry, SettledClock, Slots } from '../calls/ports.ts';
import { type CallError, type CallRecord, failureOf } from '../calls/record.ts';
import type { RetryPolicy } from '../calls/retry.ts';
import { slotOf, turnAfter, type Wheel } from '../calls/wheel.ts';
import { Agenda, type Planned } from './agenda.ts';
import { inChunks } from './chunks.ts';

export interface PlannerOptions {
  readonly registry: Pick<CallRegistry, 'read'>;
  readonly slots: Pick<Slots, 'timing'>;
  readonly clock: SettledClock;
  readonly wheel: Wheel;
  readonly timings: PlanTimings;
  readonly policy: RetryPolicy;
  readonly onFatal?: (error: Error) => void;
  /** The call is due, or its `trackUntil` has come. */
  readonly onDue: (id: string) => void;
}

/**
 * Plans the attempts of failing calls, and the ends of trackings, that come before the next turns
 * of their slots. When an instant comes, it reads the record again and decides by that.
 *
 * If another replica fails for a reason that may be local to it, this one tries as well: perhaps
 * only the other one cannot reach Graph, has an old credential or does not know the app. In the reserve
 * before the deadline it tries whatever the reason: perhaps Graph throttles only the other one.
 */
export class Planner {
  readonly #options: PlannerOptions;
  readonly #agenda: Agenda;
  readonly #looking = new Set<Promise<void>>();

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.#agenda = new Agenda(
      options.clock,
      (due) => {
        const looking = this.#look(due)
          .catch(options.onFatal)
          .finally(() => this.#looking.delete(looking));
        this.#looking.add(looking);
      },
      options.onFatal,
    );
  }

  has(id: string, by: number): boolean {
    return this.#agenda.has(id, by);
  }

  /**
   * @param mostGraceMs how late another replica's attempt must be before this replica makes it; less
   *   near the deadline, so that it is never too late
   */
  plan(id: string, timing: Timing, mostGraceMs = 0): void {
    if (isQuiet(timing)) return;
    const { clock, wheel, policy } = this.#options;
    const now = clock.now();
    const graceMs = Math.min(mostGraceMs, this.#leftMs(timing) / 4);
    // A little after the turn, because its visit may have read the slot just before the call came.
    const nextTurnAt = turnAfter(slotOf(id, wheel), now, wheel) + policy.firstMs;
    const at = lookAgainAt(timing, { ...this.#context(graceMs), nextTurnAt });
    // Never sooner than the floor, or a bad record would make this loop busy.
    if (at !== null) this.#agenda.add({ id, at: Math.max(at, now + policy.floorMs), graceMs });
  }

  /** The last request says nothing about the call as it is now, so another one is due. */
  lookNow(id: string): void {
    this.#agenda.add({ id, at: 0, graceMs: 0, isAgain: true });
  }

  async stop(): Promise<void> {
    await this.#agenda.stop();
    await Promise.all(this.#looking);
  }

  async #look(due: readonly Planned[]): Promise<void> {
    const { registry, slots, onDue } = this.#options;
    const records = await registry.read(due.map(({ id }) => id));
    const known = due.map((planned, i) => ({ ...planned, record: records[i] }));
    await inChunks(known, ({ id, graceMs, isAgain, record }) => {
      const timing = slots.timing(id);
      if (timing === null) return; // it was removed meanwhile
      // -Infinity: not due because of its slot's turn. Infinity: due even if it was renewed.
      const turnAt = isAgain ? Infinity : -Infinity;
      const context = { turnAt, ...this.#context(graceMs) };
      const { due: now, over } = planVisit([[id, timing]], context);
      const isOurs = graceMs > 0 && record !== undefined && this.#isForAll(timing, record);
      if (isOurs || now.length + over.length > 0) onDue(id);
      else this.plan(id, timing, isAgain ? graceMs : this.#graceOf(timing, graceMs));
    });
  }

  /** If a failing call is not due, another replica has tried it: that one tries again first. */
  #graceOf({ failedAt }: Timing, graceMs: number): number {
    return failedAt === null ? graceMs : Math.max(graceMs, this.#options.policy.firstMs);
  }

  /** Whether every replica should try a failing call, whichever planned the next attempt. */
  #isForAll(timing: Timing, record: CallRecord): boolean {
    const error = failureOf(record)?.error;
    if (error === undefined || timing.failedAt === null) return false;
    return this.#leftMs(timing) < this.#options.policy.reserveMs || maySucceedElsewhere(error);
  }

  #leftMs(timing: Timing): number {
    const { clock, timings } = this.#options;
    return Math.max(0, deadlineAt(timing, timings.deadlineMs) - clock.now());
  }

  #context(retryGraceMs: number) {
    const { clock, timings } = this.#options;
    return { ...timings, now: clock.now(), settledNow: clock.settledNow(), retryGraceMs };
  }
}

/** Whether the cause may be in the replica that tried: its network, its credential or its apps. */
function maySucceedElsewhere({ status, code }: CallError): boolean {
  return status === null || status === 401 || status === 403 || code === FOREIGN;
}
