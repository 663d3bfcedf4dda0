import type { Logger } from 'pino';
import { type PlanTimings, planVisit, wasVisited } from '../calls/plan.ts';
import type { CallKeeper, SettledClock, Slots } from '../calls/ports.ts';
import type { Visits } from '../calls/visitor.ts';
import { turnAfter, turnAtOrBefore, type Wheel } from '../calls/wheel.ts';

export interface WatchOptions {
  readonly wheel: Wheel;
  readonly timings: PlanTimings;
  readonly clock: SettledClock;
  /** How long after its turn a slot is checked, in ms. */
  readonly graceMs: number;
  readonly slots: Pick<Slots, 'read'>;
  readonly visitor: Visits;
  /** Whether Redis serves. If not, this replica plans and locks as if it were the only one. */
  readonly isUp: () => boolean;
  /** Locks the slot until its requests have ended; false if another replica has the lock. */
  readonly lock: (slot: number) => Promise<boolean>;
  /** The watch makes an attempt that another replica planned only if it is this late, in ms. */
  readonly retryGraceMs: number;
  readonly keeper: Pick<CallKeeper, 'plan' | 'holds'>;
  readonly onMissed: (slot: number, turnAt: number, calls: number) => void;
  readonly onFatal?: (error: Error) => void;
  readonly log: Logger;
}

interface Look {
  at: number;
  busy: boolean;
}

/**
 * Checks each slot a grace after its turn, and visits it if calls are still due, except those that
 * the keeper already has in hand. It need not know why: Redis may be out, BullMQ may have lost a
 * scheduler, a worker may take no jobs, or there may be a bug. Only the result counts: calls that
 * should have been renewed and were not.
 *
 * The check syncs a slot with Redis unless this replica has visited it in this turn. So each replica
 * syncs each slot once an interval, and learns of the renewals of others. While Redis is out, the
 * check uses the local registry alone, and so the watch keeps all calls alive.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #looks: Look[];
  readonly #stopped = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #watching: Promise<void> = Promise.resolve();

  constructor(options: WatchOptions) {
    this.#options = options;
    const now = options.clock.now();
    this.#looks = Array.from({ length: options.wheel.slots }, (_, slot) => {
      return { at: this.#nextAt(slot, now), busy: false };
    });
  }

  start(): void {
    this.#watching = this.#watch().catch(this.#options.onFatal);
  }

  /**
   * Checks all slots within the grace of a retry, because perhaps nobody made their turns. The slot
   * whose turn passed last comes last, so that BullMQ has time to make up for it.
   */
  lookSoon(): void {
    const { wheel, clock, retryGraceMs } = this.#options;
    const now = clock.now();
    for (const [slot, look] of this.#looks.entries()) {
      const waitMs = (this.#nextAt(slot, now) - now) * (retryGraceMs / wheel.intervalMs);
      look.at = Math.min(look.at, now + waitMs);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#watching;
    await Promise.all(this.#running);
  }

  async #watch(): Promise<void> {
    const { clock, timings } = this.#options;
    const { signal } = this.#stopped;
    let before = clock.now();
    while (!signal.aborted) {
      const now = clock.now();
      // The clock was set back, so all planned checks are too late.
      if (now < before - timings.skewMs) this.lookSoon();
      before = now;
      let nextAt = now + MOST_SLEEP_MS;
      for (const [slot, look] of this.#looks.entries()) {
        if (look.busy) continue;
        if (look.at <= now) this.#begin(slot, look);
        else nextAt = Math.min(nextAt, look.at);
      }
      await clock.sleep(Math.max(LEAST_SLEEP_MS, nextAt - now), signal);
    }
  }

  #begin(slot: number, look: Look): void {
    const { clock, graceMs, log } = this.#options;
    look.busy = true;
    look.at = this.#nextAt(slot, clock.now());
    const running = this.#look(slot)
      .catch((err) => {
        log.warn({ err, slot }, 'a slot cannot be checked: the watch will try again');
        return clock.now() + graceMs;
      })
      .then((againAt) => {
        look.at = Math.min(look.at, againAt ?? Infinity);
        look.busy = false;
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** When to check the slot next: the first instant after `now` that is a grace after a turn. */
  #nextAt(slot: number, now: number): number {
    const { wheel, graceMs } = this.#options;
    return turnAfter(slot, now - graceMs, wheel) + graceMs;
  }

  /** @returns when to look again before the next turn, or null. */
  async #look(slot: number): Promise<number | null> {
    const { visitor, isUp, clock, graceMs, keeper, wheel } = this.#options;
    // Calls that were renewed since this turn are fine.
    const turnAt = turnAtOrBefore(slot, clock.now() - graceMs, wheel);
    const retryGraceMs = isUp() ? this.#options.retryGraceMs : 0;
    let found = await this.#find(slot, turnAt, { retryGraceMs, since: turnAt });
    // This replica visited the slot, but others may have renewed calls since then.
    if (found.missed > 0) found = await this.#find(slot, turnAt, { retryGraceMs });
    if (found.missed === 0) {
      keeper.plan(found.later, retryGraceMs);
      return null;
    }
    if (!(await this.#lock(slot))) return clock.now() + graceMs;
    const timings = [...found.calls].map(([, timing]) => timing);
    if (isUp() && !wasVisited(timings, turnAt)) this.#onMissed(slot, turnAt, found.missed);
    await visitor.visitSlot(slot, turnAt, this.#stopped.signal);
    return null;
  }

  async #find(
    slot: number,
    turnAt: number,
    { retryGraceMs, since }: { readonly retryGraceMs: number; readonly since?: number },
  ) {
    const { slots, clock, timings, graceMs, keeper } = this.#options;
    const calls = await slots.read(slot, since);
    const at = { now: clock.now(), settledNow: clock.settledNow() };
    const { due, over, later } = planVisit(calls, { ...timings, ...at, turnAt, retryGraceMs });
    // A plan that comes due later than a grace was made before the clock was set back.
    const missed = [...due, ...over].filter((id) => !keeper.holds(id, at.now + graceMs));
    return { calls, missed: missed.length, later };
  }

  /** If Redis does not answer, nobody else can hold the lock. */
  async #lock(slot: number): Promise<boolean> {
    const { isUp, lock } = this.#options;
    return !isUp() || (await lock(slot).catch(() => true));
  }

  #onMissed(slot: number, turnAt: number, calls: number): void {
    const { onMissed, log } = this.#options;
    onMissed(slot, turnAt, calls);
    log.warn({ slot, turnAt, calls }, 'a slot was not visited in its turn: the watch visits it');
  }
}

/** So that the loop notices within this time that the clock or a plan has changed. */
const MOST_SLEEP_MS = 1_000;
/** Keeps the loop from spinning. */
const LEAST_SLEEP_MS = 5;
