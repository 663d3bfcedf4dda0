import { REMEMBERED_MS } from './call.ts';
import { type PlanTimings, planVisit } from './plan.ts';
import type { CallKeeper, SettledClock, Slots } from './ports.ts';
import { slotWidthMs, type Wheel } from './wheel.ts';

export interface VisitorDeps {
  readonly slots: Slots;
  readonly keeper: CallKeeper;
  readonly clock: SettledClock;
  readonly wheel: Wheel;
  readonly timings: PlanTimings;
}

export type Visits = Pick<Visitor, 'visitSlot'>;

/** `cut`: the visit was stopped before its end; another replica must repeat it. */
export type Visited = 'done' | 'cut';

/** Fewer due calls are handed over at once; more are spread over the slot's width. */
const SPREAD_FROM = 16;

/** A large slot is handed over in steps of this, in ms: a wake-up per call costs too much. */
const PACE_MS = 20;

/**
 * Visits slots: reads the calls and hands those that are due to the keeper, without waiting for
 * requests. If Redis does not answer, it uses what this replica knows. A visit may be repeated at
 * any time.
 */
export class Visitor {
  readonly #deps: VisitorDeps;

  constructor(deps: VisitorDeps) {
    this.#deps = deps;
  }

  async visitSlot(slot: number, turnAt: number, stop: AbortSignal): Promise<Visited> {
    const { slots, keeper, clock, timings } = this.#deps;
    const earlyMs = turnAt - clock.now();
    // This machine's clock is wrong: the watch makes up for the turn.
    if (earlyMs > timings.skewMs) return 'done';
    // The clock is a little fast. A keepAlive before the turn would count for the previous turn.
    if (earlyMs > 0) await clock.sleep(earlyMs, stop);
    const calls = await slots.read(slot);
    const at = { now: clock.now(), settledNow: clock.settledNow() };
    const { due, over, later } = planVisit(calls, { ...timings, ...at, turnAt });
    keeper.keep(over);
    const isHandedOver = await this.#handOver(due, turnAt, stop);
    // The replica that made the last attempt plans the next one, but it may be gone.
    keeper.plan(later, timings.firstMs);
    await slots.prune(slot, at.settledNow - REMEMBERED_MS);
    return isHandedOver ? 'done' : 'cut';
  }

  /** Spreads the calls of a large slot over its width, unless the visit is late. */
  async #handOver(due: readonly string[], turnAt: number, stop: AbortSignal): Promise<boolean> {
    const { keeper, clock, wheel } = this.#deps;
    const width = slotWidthMs(wheel);
    let from = 0;
    for (let i = 0; i < due.length && due.length >= SPREAD_FROM; i++) {
      if (stop.aborted) return false;
      const waitMs = turnAt + (i / due.length) * width - clock.now();
      if (waitMs < PACE_MS) continue;
      keeper.keep(due.slice(from, i));
      from = i;
      await clock.sleep(Math.min(waitMs, width), stop);
    }
    if (stop.aborted) return false;
    keeper.keep(due.slice(from));
    return true;
  }
}
