import { type Call, GONE_FOR_MS } from './call.ts';
import { planVisit } from './plan.ts';
import type { CallKeeper, CallStore, SettledClock } from './ports.ts';
import type { RetryPolicy } from './retry.ts';
import { slotWidthMs, type Wheel } from './wheel.ts';

export interface VisitorDeps {
  readonly store: CallStore;
  readonly keeper: CallKeeper;
  readonly clock: SettledClock;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  readonly policy: RetryPolicy;
  /** See `VisitContext`. */
  readonly skewMs: number;
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
 * Visits slots: reads the calls and hands those that are due to the keeper, without waiting for any
 * request. Rejects only with errors of the store. A visit may be repeated at any time.
 */
export class Visitor {
  readonly #deps: VisitorDeps;

  constructor(deps: VisitorDeps) {
    this.#deps = deps;
  }

  /** Visits a slot for its turn at `turnAt`. */
  async visitSlot(slot: number, turnAt: number, stop: AbortSignal): Promise<Visited> {
    const { store, keeper, clock, deadlineMs, skewMs, policy } = this.#deps;
    const earlyMs = turnAt - clock.now();
    // Taken by a worker whose machine's clock is wrong: the watch makes up for the turn.
    if (earlyMs > skewMs) return 'done';
    // Or a little fast. What is sent before the turn would count as of the turn before.
    if (earlyMs > 0) await clock.sleep(earlyMs, stop);
    const entries = await store.readSlot(slot);
    const { post, stop: over } = planVisit(entries, {
      turnAt,
      now: clock.now(),
      settledNow: clock.settledNow(),
      deadlineMs,
      skewMs,
    });
    keeper.keep(over.map(({ entry }) => entry.call));
    const due = post.map(({ call }) => call);
    const isHandedOver = await this.#handOver(due, turnAt, stop);
    const handled = new Set([...post, ...over.map(({ entry }) => entry)]);
    const later = entries.filter((entry) => !handled.has(entry));
    // The replica that made the last attempt plans the next one; this is for when it has died.
    keeper.plan(
      later.map(({ call }) => call),
      policy.firstMs,
    );
    await store.forgetGone(slot, clock.settledNow() - GONE_FOR_MS);
    return isHandedOver ? 'done' : 'cut';
  }

  /** Spreads the calls of a large slot over its width, unless the visit is late. */
  async #handOver(due: readonly Call[], turnAt: number, stop: AbortSignal): Promise<boolean> {
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
