import type { Logger } from 'pino';
import { type PlanContext, planVisit, wasVisited } from '../calls/plan.ts';
import type { CallKeeper, SettledClock, Slots } from '../calls/ports.ts';
import type { Visits } from '../calls/visitor.ts';
import { turnAfter, turnAtOrBefore, type Wheel } from '../calls/wheel.ts';

export interface WatchOptions {
  readonly wheel: Wheel;
  /** The parts of a plan's context that stay the same. */
  readonly timings: Omit<PlanContext, 'now' | 'settledNow'>;
  readonly clock: SettledClock;
  /** A slot is looked at so long after its turn: well inside the slack, in ms. */
  readonly graceMs: number;
  readonly slots: Pick<Slots, 'read' | 'call'>;
  readonly visitor: Visits;
  /** Whether Redis serves. If not, this replica plans and locks as if it were the only one. */
  readonly isUp: () => boolean;
  /**
   * Lets only one replica at a time make up for a slot; false: another one does. The lock expires
   * by itself, when the requests have ended.
   */
  readonly lock: (slot: number) => Promise<boolean>;
  /** How long an attempt is left to the replica that planned it before the watch makes it, in ms. */
  readonly retryGraceMs: number;
  readonly keeper: Pick<CallKeeper, 'plan' | 'holds'>;
  /** Called with a slot that was not visited in its turn although Redis serves. */
  readonly onMissed: (slot: number, turnAt: number, calls: number) => void;
  /** It throws where nothing should: this replica cannot go on. */
  readonly onFatal?: (error: Error) => void;
  readonly log: Logger;
}

interface Look {
  at: number;
  turnAt: number;
  busy: boolean;
}

/**
 * Looks at each slot a grace after its turn, and where calls are due all the
 * same, visits it. Why the wheel stood still need not be known: Redis gone, a
 * scheduler lost, a worker deaf, a bug. What is looked at is the outcome, the
 * calls that ought to be renewed and are not.
 *
 * Looking is also how the local registry learns of the renewals that others made: each
 * slot is read once an interval.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #looks: Look[];
  readonly #stopped = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #watching: Promise<void> = Promise.resolve();

  constructor(options: WatchOptions) {
    this.#options = options;
    const { wheel, graceMs, clock } = options;
    const now = clock.now();
    this.#looks = Array.from({ length: wheel.slots }, (_, slot) => {
      const turnAt = turnAtOrBefore(slot, now - graceMs, wheel) + wheel.intervalMs;
      return { at: turnAt + graceMs, turnAt, busy: false };
    });
  }

  start(): void {
    this.#watching = this.#watch().catch(this.#options.onFatal);
  }

  /** Looks at all slots within a grace, as when there is nobody else any more who would. */
  lookSoon(): void {
    const { wheel, clock, graceMs } = this.#options;
    const now = clock.now();
    for (const [slot, look] of this.#looks.entries()) {
      if (look.busy) continue;
      look.turnAt = turnAtOrBefore(slot, now, wheel);
      look.at = Math.min(look.at, now + (slot / wheel.slots) * graceMs);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#watching;
    await Promise.all(this.#running);
  }

  async #watch(): Promise<void> {
    const { clock, wheel, graceMs, timings } = this.#options;
    const { signal } = this.#stopped;
    let before = clock.now();
    while (!signal.aborted) {
      const now = clock.now();
      // The clock was set back: what was planned before is later than it was meant to be.
      if (now < before - timings.skewMs) this.lookSoon();
      before = now;
      let nextAt = now + MOST_SLEEP_MS;
      for (const [slot, look] of this.#looks.entries()) {
        if (look.busy) continue;
        if (look.at > now + wheel.intervalMs + 2 * graceMs) this.#lookAfresh(slot, look, now);
        if (look.at <= now) this.#begin(slot, look);
        else nextAt = Math.min(nextAt, look.at);
      }
      await clock.sleep(Math.max(LEAST_SLEEP_MS, nextAt - now), signal);
    }
  }

  /** The clock was set back since: the turn that was waited for is far in the future. */
  #lookAfresh(slot: number, look: Look, now: number): void {
    const { wheel, graceMs } = this.#options;
    look.turnAt = turnAtOrBefore(slot, now, wheel);
    look.at = look.turnAt + graceMs;
  }

  #begin(slot: number, look: Look): void {
    const { clock, graceMs, log } = this.#options;
    look.busy = true;
    const running = this.#look(slot, look)
      .catch((err) => {
        log.debug({ err, slot }, 'a slot cannot be watched');
        return clock.now() + graceMs;
      })
      .then((againAt) => {
        const nextTurnAt = this.#turnAfter(slot, look.turnAt);
        if (againAt !== null && againAt < nextTurnAt) look.at = againAt;
        else Object.assign(look, { at: nextTurnAt + graceMs, turnAt: nextTurnAt });
        look.busy = false;
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** The next turn to wait for. If `turnAt` is in the future, the clock was set back since. */
  #turnAfter(slot: number, turnAt: number): number {
    const { clock, wheel, graceMs } = this.#options;
    const now = clock.now();
    return turnAfter(slot, Math.min(now, Math.max(turnAt, now - graceMs)), wheel);
  }

  /** @returns when to look again before the next turn, or null. */
  async #look(slot: number, { turnAt }: Look): Promise<number | null> {
    const { slots, visitor, isUp, clock, timings, graceMs, keeper } = this.#options;
    const retryGraceMs = isUp() ? this.#options.retryGraceMs : 0;
    const calls = await slots.read(slot);
    const at = { now: clock.now(), settledNow: clock.settledNow() };
    const { due, over, later } = planVisit(calls, { ...timings, ...at, turnAt, retryGraceMs });
    // What was planned for much later was planned before the clock was set back.
    const missed = [...due, ...over].filter((id) => !keeper.holds(id, at.now + graceMs));
    if (missed.length === 0) {
      const waiting = later.flatMap((id) => slots.call(id) ?? []);
      keeper.plan(waiting, retryGraceMs);
      return null;
    }
    if (!(await this.#lock(slot))) return clock.now() + graceMs;
    const found = [...calls].map(([, timing]) => timing);
    if (isUp() && !wasVisited(found, turnAt)) this.#onMissed(slot, turnAt, missed.length);
    await visitor.visitSlot(slot, turnAt, this.#stopped.signal);
    return null;
  }

  /** If Redis does not answer, nobody else can hold the lock. */
  async #lock(slot: number): Promise<boolean> {
    const { isUp, lock } = this.#options;
    return !isUp() || (await lock(slot).catch(() => true));
  }

  #onMissed(slot: number, turnAt: number, calls: number): void {
    const { onMissed, log } = this.#options;
    onMissed(slot, turnAt, calls);
    log.warn({ slot, turnAt, calls }, 'a slot was not visited in its turn: the watch does it');
  }
}

/** New work is noticed within this, and the loop never runs hot. */
const MOST_SLEEP_MS = 1_000;
const LEAST_SLEEP_MS = 5;
