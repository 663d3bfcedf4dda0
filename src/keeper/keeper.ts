import { type Call, isRemoved, type RemovedCall } from '../calls/call.ts';
import type { Outcome } from '../calls/outcome.ts';
import { hasEnded } from '../calls/plan.ts';
import type { CallKeeper, KeepAliveResult, Observer, TooSoon } from '../calls/ports.ts';
import { Dispatch, type DispatchOptions } from './dispatch.ts';
import { laneOf } from './lane.ts';
import { OnDemand } from './on-demand.ts';
import { Outcomes, type OutcomesOptions, type PendingOutcome } from './outcomes.ts';
import { type Bound, type Pending, toPending } from './pending.ts';
import { Planner, type PlannerOptions } from './planner.ts';
import { type Unsent, unsent } from './unsent.ts';

export type KeeperOptions = Omit<DispatchOptions, 'onAttempted' | 'onOver' | 'onDropped'> &
  Omit<OutcomesOptions, 'onWritten'> &
  Omit<PlannerOptions, 'onDue'> & {
    readonly observer: Observer;
    /** Captures the current context for traces; null if there are none. */
    readonly bind: (() => Bound) | null;
  };

/**
 * Keeps calls alive. Every keepAlive of this process goes this one way, whether a slot's visit, a
 * new call, a retry or a request on demand asked for it. The token gate is only for calls whose app
 * and tenant have no valid token yet: they must not take places of the limiter.
 *
 * ```
 *  keep ──▶ token gate ──▶ limiter ──▶ look again ──▶ send ──▶ outcomes ──▶ planner ──┐
 *   ▲      (if no token)   (fair)   (stopped? renewed?)     (written in     (retries) │
 *   │                                                        batches)                 │
 *   └──────────────────────── read the record again ◀─────────────────────────────────┘
 * ```
 *
 * No caller waits for another call's request: `keep` returns at once, and the planner retries a
 * failed call at its record's `retryAt`. A call is on this way at most once at a time; a call that
 * is handed in again joins itself. Nothing here has to survive the replica: if it dies, the records
 * say that the calls on the way are still due, and the slot's next turn or the watch of another
 * replica finds them.
 */
export class Keeper implements CallKeeper {
  readonly #options: KeeperOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #dispatch: Dispatch;
  readonly #outcomes: Outcomes;
  readonly #planner: Planner;
  readonly #onDemand: OnDemand;
  #isClosed = false;
  readonly #refused: Call[] = [];

  constructor(options: KeeperOptions) {
    this.#options = options;
    const { clock, policy, requestMs } = options;
    this.#dispatch = new Dispatch({
      ...options,
      onAttempted: (pending, outcome) => this.#attempted(pending, outcome),
      onOver: (pending) => this.#stop(pending),
      onDropped: (pending, outcome) => this.#done(pending, { outcome, call: null }),
    });
    this.#outcomes = new Outcomes({
      ...options,
      onWritten: (written, call) => this.#written(written, call),
    });
    this.#planner = new Planner({ ...options, onDue: (call) => this.#take(call) });
    this.#onDemand = new OnDemand({
      join: (call, signal) => this.#takeAndWait(call, signal),
      waiting: (id) => this.#pending.get(id)?.waiters?.size ?? 0,
      isOnItsWay: (id) => this.#pending.has(id),
      late: () => ({ outcome: this.#unsent('queued'), call: null }),
      clock,
      floorMs: policy.firstMs,
      waitMs: 2 * requestMs,
    });
  }

  keep(calls: Iterable<Call>): void {
    for (const call of calls) this.#take(call);
  }

  plan(calls: Iterable<Call>, graceMs = 0): void {
    for (const call of calls) this.#planner.plan(call, graceMs);
  }

  keepNow(call: Call): Promise<KeepAliveResult | TooSoon> {
    return this.#onDemand.ask(call);
  }

  holds(id: string, by: number): boolean {
    return this.#pending.has(id) || this.#planner.has(id, by);
  }

  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /** Stops sending. Returns the calls that were waiting, for other replicas. */
  close(): Call[] {
    this.#isClosed = true;
    const waiting = this.#dispatch.close();
    const result = { outcome: this.#unsent('stopping'), call: null };
    for (const pending of waiting) this.#done(pending, result);
    return waiting.map(({ call }) => call);
  }

  /** The calls that came since {@link close}, for other replicas. */
  refused(): readonly Call[] {
    return this.#refused;
  }

  /** After {@link close}: resolves when all outcomes are written. */
  async settled(): Promise<void> {
    await this.#planner.stop();
    await this.#dispatch.settled();
    await this.#outcomes.settled();
  }

  #takeAndWait(call: Call, signal: AbortSignal): Promise<KeepAliveResult> {
    return new Promise((resolve) => {
      const pending = this.#take(call);
      if (pending === null) return resolve({ outcome: this.#unsent('stopping'), call: null });
      pending.waiters ??= new Set();
      pending.waiters.add(resolve);
      signal.addEventListener('abort', () => pending.waiters?.delete(resolve), { once: true });
    });
  }

  #take(call: Call): Pending | null {
    if (this.#isClosed) {
      this.#refused.push(call);
      return null;
    }
    const known = this.#pending.get(call.id);
    if (known) return this.#join(known, call);
    const { clock, timings, policy, bind } = this.#options;
    const { deadlineMs } = timings;
    const at = { now: clock.now(), settledNow: clock.settledNow() };
    const pending = toPending(call, at.now, { deadlineMs, policy }, bind?.() ?? null);
    this.#pending.set(call.id, pending);
    if (hasEnded(call, { ...timings, ...at })) this.#stop(pending);
    else this.#dispatch.add(pending);
    return pending;
  }

  /**
   * Joins the keepAlive of the call that is already on its way. If it has waited for long, the wait
   * is written as a failure, so that the bot learns that the call is at risk or expired. It is
   * `refused`, which has the longest pause, because an earlier attempt would not help.
   */
  #join(known: Pending, call: Call): Pending {
    const { clock } = this.#options;
    if (known.isSent) {
      const isMoved = laneOf(call) !== known.lane;
      if (isMoved || call.generation > known.call.generation) known.isAgain = true;
      return known;
    }
    known.call = call;
    if (clock.now() > known.queuedUntil) {
      known.queuedUntil = Infinity; // until the failure is written, and its next attempt is due
      const outcome = { ...this.#unsent('queued'), kind: 'refused' as const };
      this.#outcomes.add({ pending: known, asked: call, outcome, isWaiting: true });
    }
    return known;
  }

  #attempted(pending: Pending, outcome: Outcome): void {
    if (pending.isDone) return;
    pending.isSent = true;
    this.#options.observer.attempted(pending.call, outcome);
    this.#outcomes.add({ pending, asked: pending.call, outcome });
  }

  #stop(pending: Pending): void {
    pending.isSent = true;
    this.#outcomes.add({ pending, asked: pending.call, outcome: null });
  }

  /** A call whose wait was written as a failure, and that is still tracked, goes on waiting. */
  #written({ pending, outcome, isWaiting }: PendingOutcome, call: Call | RemovedCall | null): void {
    const isOnSchedule = call !== null && !isRemoved(call);
    if (isOnSchedule) this.#planner.plan(call);
    if (isWaiting && (call === null || isOnSchedule)) {
      pending.queuedUntil = (call?.retryAt ?? this.#options.clock.now()) - 1;
      return;
    }
    this.#done(pending, { outcome: outcome ?? this.#unsent('stopped'), call });
    if (pending.isAgain && outcome?.kind !== 'renewed') this.#planner.lookNow(pending.id);
  }

  #done(pending: Pending, result: KeepAliveResult): void {
    if (pending.isDone) return;
    pending.isDone = true;
    this.#pending.delete(pending.id);
    for (const tell of pending.waiters ?? []) tell(result);
  }

  #unsent(code: Parameters<typeof unsent>[0]): Unsent {
    return unsent(code, this.#options.clock.now());
  }
}
