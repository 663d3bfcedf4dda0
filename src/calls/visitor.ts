import { Batches } from './batches.ts';
import { type Call, GONE_FOR_MS } from './call.ts';
import { deadlineAt } from './deadline.ts';
import { GroupLimit } from './group-limit.ts';
import { type Lanes, laneOf } from './lanes.ts';
import { type Decision, decideAndWrite } from './optimistic.ts';
import type { Outcome } from './outcome.ts';
import { nextVisitAt, planVisit, type VisitPlan } from './plan.ts';
import type { CallStore, Entry, KeepAliveSender, Observer, Random, SettledClock } from './ports.ts';
import type { RetryPolicy } from './retry.ts';
import { settle } from './settle.ts';
import { slotOf, slotWidthMs, turnAfter, turnAtOrBefore, type Wheel } from './wheel.ts';

export interface VisitorDeps {
  readonly store: CallStore;
  readonly sender: KeepAliveSender;
  readonly lanes: Lanes;
  readonly clock: SettledClock;
  readonly random: Random;
  readonly observer: Observer;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  readonly policy: RetryPolicy;
  /** See `VisitContext`. */
  readonly skewMs: number;
  /** Whether the call is known to have been renewed, or to have left the schedule, since it was read. */
  readonly isOutdated: (entry: Entry) => boolean;
  /** The calls that some visit of this process has posted and not written back yet. */
  readonly underWay: Set<string>;
}

/** What whoever turns the wheel asks of a visitor. */
export type Visits = Pick<Visitor, 'visitSlot' | 'visitNew' | 'visitOne'>;

/** When the same visit wants to run again, epoch ms; null when it is done with. */
export type VisitAgainAt = number | null;

interface Attempted {
  readonly id: string;
  readonly entry: Entry;
  readonly outcome: Outcome;
}

/**
 * So many calls of a visit wait for their places in a lane at once. They come in the order of
 * their deadlines; all of some large slots, visited late, would hold up the event loop for seconds.
 */
const MOST_WAITING = 128;

/** So many calls are written back at once at most, to keep each write short. */
const WRITE_BATCH = 200;

/**
 * A write waits for so much of the interval for more outcomes. Spread over their
 * slot's width they come one by one, and a write for each would cost Redis five
 * times as much. A replica that is killed has so much of its work done again.
 */
const GATHER_SHARE = 1 / 1_000;
const GATHER_CAP_MS = 200;

/** A slot with fewer due calls is posted at once instead of spread over its width. */
const SPREAD_FROM = 16;

/**
 * The calls of a large slot are posted in steps of this, some at once: to wake up for each
 * would cost more than the waiting is worth.
 */
const PACE_MS = 20;

/**
 * Visits: reads calls, posts keepAlive for those that are due, writes what came
 * of it. The same code whoever turns the wheel and whatever the store. Rejects
 * only with what the store rejects with; a visit may be repeated at any time.
 */
export class Visitor {
  readonly #deps: VisitorDeps;

  constructor(deps: VisitorDeps) {
    this.#deps = deps;
  }

  /**
   * Visits a slot for its turn at `turnAt`. When `stop` aborts, requests in
   * flight are finished and written, no more are begun, and the visit asks to
   * run again at once, elsewhere.
   */
  async visitSlot(slot: number, turnAt: number, stop: AbortSignal): Promise<VisitAgainAt> {
    const { store, clock, wheel, deadlineMs, skewMs } = this.#deps;
    const earlyMs = turnAt - clock.now();
    // Taken by a worker whose machine's clock is wrong: the watch makes up for the turn.
    if (earlyMs > skewMs) return null;
    // Or a little fast. What is sent before the turn would count as of the turn before.
    if (earlyMs > 0) await clock.sleep(earlyMs, stop);
    const entries = await store.readSlot(slot);
    const at = { now: clock.now(), settledNow: clock.settledNow() };
    const plan = planVisit(entries, { turnAt, ...at, deadlineMs, skewMs });
    const calls = await this.#carryOut(plan, entries, turnAt, stop);
    await store.forgetGone(slot, clock.settledNow() - GONE_FOR_MS);
    const nextTurnAt = turnAfter(slot, turnAt, wheel);
    return this.#againAt(() => nextTurnAt, calls, stop);
  }

  /**
   * What calls just tracked (see `groupNew`) want ahead of their slots'
   * turns: their first keepAlives, and the end of a tracking that ends before.
   * Once its turn has come, a slot's own visit takes over; a grace later, as its
   * read may have missed a call that was written in that very moment.
   */
  async visitNew(ids: readonly string[], stop: AbortSignal): Promise<VisitAgainAt> {
    const { store, clock, wheel, deadlineMs, policy, skewMs } = this.#deps;
    const found = await store.find(ids);
    const now = clock.now();
    const lastTurnAt = ({ id }: Call) =>
      turnAtOrBefore(slotOf(id, wheel), now - policy.firstMs, wheel);
    const isNew = (call: Call) => call.renewedAt === null && call.trackedAt >= lastTurnAt(call);
    const fresh = found
      .filter((entry) => entry !== null)
      .filter(({ call }) => isNew(call) || call.trackUntil !== null || hasMoved(call))
      .map(withoutGrace);
    const turnAt = Number.NEGATIVE_INFINITY; // nothing is due for its slot's turn
    const settledNow = clock.settledNow();
    const plan = planVisit(fresh, { turnAt, now, settledNow, deadlineMs, skewMs });
    const calls = await this.#carryOut(plan, fresh, null, stop);
    const handOver = (call: Call) => lastTurnAt(call) + wheel.intervalMs + policy.firstMs;
    return this.#againAt(handOver, calls, stop);
  }

  /** One keepAlive now, outside the schedule, and what became of the call by it. */
  async visitOne(entry: Entry): Promise<{ outcome: Outcome; effect: Decision }> {
    const outcome = await this.#post(entry.call);
    const [effect = null] = await this.#settle([{ id: entry.call.id, entry, outcome }]);
    return { outcome, effect };
  }

  /** At once where it was cut short; otherwise as `nextVisitAt` says, but never hot. */
  #againAt(
    takenOverAt: (call: Call) => number,
    calls: Iterable<Call>,
    stop: AbortSignal,
  ): VisitAgainAt {
    const { clock, policy, deadlineMs, skewMs } = this.#deps;
    const now = clock.now();
    if (stop.aborted) return now;
    const at = nextVisitAt(
      calls,
      { now, settledNow: clock.settledNow(), deadlineMs, skewMs },
      takenOverAt,
    );
    return at === null ? null : Math.max(at, now + policy.floorMs);
  }

  /**
   * @param spreadFrom the begin of the slot's width over which many are spread, null: they are not
   * @returns the calls that are still on the schedule, as they stand afterwards.
   */
  async #carryOut(
    plan: VisitPlan,
    entries: readonly Entry[],
    spreadFrom: number | null,
    stop: AbortSignal,
  ): Promise<Iterable<Call>> {
    const calls = new Map(entries.map(({ call }) => [call.id, call]));
    const apply = (id: string, effect: Decision) => {
      if (effect === null) return;
      if ('gone' in effect) calls.delete(id);
      else calls.set(id, effect.next);
    };
    const stops = await this.#stopTracking(plan.stop);
    for (const [i, { entry }] of plan.stop.entries()) apply(entry.call.id, stops[i] ?? null);
    await this.#postAll(plan.post, spreadFrom, stop, apply);
    return calls.values();
  }

  async #stopTracking(stops: VisitPlan['stop']): Promise<Decision[]> {
    const { store } = this.#deps;
    const effects = await decideAndWrite(
      store,
      stops.map(({ entry, gone }) => ({ id: entry.call.id, entry, gone })),
      (current, { entry, gone }) =>
        current?.call.registration === entry.call.registration ? { gone } : null,
    );
    this.#tell(effects);
    return effects;
  }

  /**
   * Posts the due calls, spread over the slot's width where they are many, and
   * writes the outcomes back in batches as they come in.
   */
  async #postAll(
    due: readonly Entry[],
    spreadFrom: number | null,
    stop: AbortSignal,
    apply: (id: string, effect: Decision) => void,
  ): Promise<void> {
    const { underWay, clock, wheel } = this.#deps;
    const mine = new Set<string>();
    const gatherMs = Math.min(GATHER_CAP_MS, wheel.intervalMs * GATHER_SHARE);
    const gather = (signal: AbortSignal) => clock.sleep(gatherMs, signal);
    const done = new Batches<Attempted>(WRITE_BATCH, gather, async (batch) => {
      const effects = await this.#settle(batch);
      for (const [i, { id }] of batch.entries()) {
        apply(id, effects[i] ?? null);
        if (mine.delete(id)) underWay.delete(id);
      }
    });
    const posts = new GroupLimit(MOST_WAITING);
    for (const [i, entry] of due.entries()) {
      if (spreadFrom !== null) await this.#pace(spreadFrom, i, due.length, stop);
      if (stop.aborted || done.failed) break;
      posts.run(laneOf(entry.call), () => this.#postInTurn(entry, stop, done, mine));
    }
    try {
      await posts.settled();
      await done.settled();
    } finally {
      for (const id of mine) underWay.delete(id);
    }
  }

  async #pace(from: number, index: number, count: number, stop: AbortSignal): Promise<void> {
    const { clock, wheel } = this.#deps;
    if (count < SPREAD_FROM) return;
    const waitMs = from + (index / count) * slotWidthMs(wheel) - clock.now();
    if (waitMs >= PACE_MS) await clock.sleep(Math.min(waitMs, slotWidthMs(wheel)), stop);
  }

  /** A call that had to wait for its place may have been posted by another visit meanwhile. */
  async #postInTurn(
    entry: Entry,
    stop: AbortSignal,
    done: Batches<Attempted>,
    mine: Set<string>,
  ): Promise<void> {
    const { lanes, deadlineMs, isOutdated, underWay } = this.#deps;
    const { call } = entry;
    const leave = await lanes.enter(laneOf(call), deadlineAt(call, deadlineMs));
    try {
      if (stop.aborted || done.failed || underWay.has(call.id) || isOutdated(entry)) return;
      underWay.add(call.id);
      mine.add(call.id);
      done.add({ id: call.id, entry, outcome: await this.#post(call) });
    } finally {
      leave();
    }
  }

  async #post(call: Call): Promise<Outcome> {
    const outcome = await this.#deps.sender.send(call);
    this.#deps.observer.attempted(call, outcome);
    return outcome;
  }

  async #settle(batch: readonly Attempted[]): Promise<Decision[]> {
    const { store, clock, deadlineMs, policy, random } = this.#deps;
    const now = clock.now();
    const context = { now, settledNow: clock.settledNow(), deadlineMs, policy, random };
    const effects = await decideAndWrite(store, batch, (current, { entry, outcome }) =>
      current === null ? null : settle(entry.call, current.call, outcome, context),
    );
    this.#tell(effects);
    return effects;
  }

  #tell(effects: readonly Decision[]): void {
    const { observer } = this.#deps;
    for (const effect of effects) {
      if (effect === null) continue;
      if ('gone' in effect) observer.removed(effect.gone);
      else if (effect.tell === 'at-risk') observer.atRisk(effect.next);
    }
  }
}

/** It failed, and has its next attempt at once, in another app or tenant. */
function hasMoved({ consecutiveFailures, retryAt }: Call): boolean {
  return consecutiveFailures > 0 && retryAt === null;
}

/** The grace keeps others off a new call; it is not for the visit that it was given for. */
function withoutGrace(entry: Entry): Entry {
  if (entry.call.consecutiveFailures > 0) return entry;
  return { ...entry, call: { ...entry.call, retryAt: null } };
}
