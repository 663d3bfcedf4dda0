import { type Call, REMEMBERED_MS } from './call.ts';
import { type PlanContext, planVisit } from './plan.ts';
import type { CallKeeper, SettledClock, Slots } from './ports.ts';
import { slotWidthMs, type Wheel } from './wheel.ts';

export interface VisitorDeps {
  readonly slots: Slots;
  readonly keeper: CallKeeper;
  readonly clock: SettledClock;
  readonly wheel: Wheel;
  /** The parts of a plan's context that stay the same. */
  readonly timings: Omit<PlanContext, 'now' | 'settledNow'>;
}

/** What whoever turns the wheel asks of a visitor. */
export type Visits = Pick<Visitor, 'visitSlot'>;

/** `cut`: stopped before it was done; another replica has to repeat it. */
export type Visited = 'done' | 'cut';

/** A slot with fewer due calls is handed over at once instead of spread over its width. */
const SPREAD_FROM = 16;

/**
 * The calls of a large slot are handed over in steps of this, several in each: to wake up for every
 * single call would cost too much.
 */
const PACE_MS = 20;

/**
 * Visits slots: reads the calls, hands those that are due to the keeper, and is done. It waits for
 * no request. If Redis does not answer it goes by what this replica knows. A visit may be
 * repeated at any time.
 */
export class Visitor {
  readonly #deps: VisitorDeps;

  constructor(deps: VisitorDeps) {
    this.#deps = deps;
  }

  /** Visits a slot for its turn at `turnAt`. */
  async visitSlot(slot: number, turnAt: number, stop: AbortSignal): Promise<Visited> {
    const { slots, keeper, clock, timings } = this.#deps;
    const earlyMs = turnAt - clock.now();
    // Taken by a worker whose machine's clock is wrong: the watch makes up for the turn.
    if (earlyMs > timings.skewMs) return 'done';
    // Or a little fast. What is sent before the turn would count as of the turn before.
    if (earlyMs > 0) await clock.sleep(earlyMs, stop);
    const calls = await slots.read(slot);
    const at = { now: clock.now(), settledNow: clock.settledNow() };
    const { due, over, later } = planVisit(calls, { ...timings, ...at, turnAt });
    keeper.keep(over.flatMap((id) => slots.call(id) ?? []));
    const isHandedOver = await this.#handOver(due, turnAt, stop);
    // Whoever made the last attempt plans the next one; this is for when they are gone.
    const waiting = later.flatMap((id) => slots.call(id) ?? []);
    keeper.plan(waiting, timings.firstMs);
    await slots.prune(slot, at.settledNow - REMEMBERED_MS);
    return isHandedOver ? 'done' : 'cut';
  }

  /** Those of a large slot are spread over its width, unless the visit is late. */
  async #handOver(due: readonly string[], turnAt: number, stop: AbortSignal): Promise<boolean> {
    const { keeper, clock, wheel } = this.#deps;
    const width = slotWidthMs(wheel);
    let from = 0;
    for (let i = 0; i < due.length && due.length >= SPREAD_FROM; i++) {
      if (stop.aborted) return false;
      const waitMs = turnAt + (i / due.length) * width - clock.now();
      if (waitMs < PACE_MS) continue;
      keeper.keep(this.#calls(due.slice(from, i)));
      from = i;
      await clock.sleep(Math.min(waitMs, width), stop);
    }
    if (stop.aborted) return false;
    keeper.keep(this.#calls(due.slice(from)));
    return true;
  }

  #calls(ids: readonly string[]): Call[] {
    return ids.flatMap((id) => this.#deps.slots.call(id) ?? []);
  }
}
