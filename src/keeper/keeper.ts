import { type Call, callOf, trackedCallOf } from '../calls/call.ts';
import type { Timing } from '../calls/deadline.ts';
import type { Outcome } from '../calls/outcome.ts';
import { hasEnded } from '../calls/plan.ts';
import type { CallKeeper, KeepAliveResult, Observer, TooSoon } from '../calls/ports.ts';
import { Dispatch, type DispatchOptions } from './dispatch.ts';
import { laneOf } from './lane.ts';
import { OnDemand } from './on-demand.ts';
import { Outcomes, type OutcomesOptions, type PendingOutcome } from './outcomes.ts';
import { type Bound, type Pending, type Place, placing, toPending } from './pending.ts';
import { Planner, type PlannerOptions } from './planner.ts';
import { type Unsent, unsent } from './unsent.ts';

export type KeeperOptions = Omit<
  DispatchOptions,
  'placeOf' | 'onAttempted' | 'onOver' | 'onDropped'
> &
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
  readonly #placeOf: (call: Call) => Place;
  #isClosed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    const { clock, policy, requestMs, wheel, timings, random } = options;
    this.#placeOf = placing(wheel, timings.deadlineMs, clock, random);
    this.#dispatch = new Dispatch({
      ...options,
      placeOf: this.#placeOf,
      onAttempted: (pending, outcome) => this.#attempted(pending, outcome),
      onOver: (pending) => this.#stop(pending),
      onDropped: (pending, outcome) => this.#done(pending, { outcome, call: null }),
    });
    this.#outcomes = new Outcomes({
      ...options,
      onWritten: (written, isWritten) => this.#written(written, isWritten),
    });
    this.#planner = new Planner({ ...options, onDue: (id) => this.keep([id]) });
    this.#onDemand = new OnDemand({
      join: (id, signal) => this.#takeAndWait(id, signal),
      waiting: (id) => this.#pending.get(id)?.waiters?.size ?? 0,
      isOnItsWay: (id) => this.#pending.has(id),
      late: () => ({ outcome: this.#unsent('queued'), call: null }),
      clock,
      floorMs: policy.firstMs,
      waitMs: 2 * requestMs,
    });
  }

  keep(ids: Iterable<string>): void {
    for (const id of ids) {
      try {
        this.#take(id);
      } catch (err) {
        this.#options.log.error({ err, call: id }, 'an internal error stopped a keepAlive');
      }
    }
  }

  plan(calls: Iterable<readonly [id: string, timing: Timing]>, graceMs = 0): void {
    for (const [id, timing] of calls) this.#planner.plan(id, timing, graceMs);
  }

  keepNow(id: string): Promise<KeepAliveResult | TooSoon> {
    return this.#onDemand.ask(id);
  }

  holds(id: string, by: number): boolean {
    return this.#pending.has(id) || this.#planner.has(id, by);
  }

  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /** Stops sending. The calls that still wait stay due, so other replicas find them. */
  close(): void {
    this.#isClosed = true;
    const result = { outcome: this.#unsent('stopping'), call: null };
    for (const pending of this.#dispatch.close()) this.#done(pending, result);
  }

  /** After {@link close}: resolves when all outcomes are written. */
  async settled(): Promise<void> {
    await this.#planner.stop();
    await this.#dispatch.settled();
    await this.#outcomes.settled();
  }

  #takeAndWait(id: string, signal: AbortSignal): Promise<KeepAliveResult> {
    return new Promise((resolve) => {
      const pending = this.#take(id);
      if (pending === null) {
        const why = this.#isClosed ? 'stopping' : 'stopped';
        return resolve({ outcome: this.#unsent(why), call: null });
      }
      pending.waiters ??= new Set();
      pending.waiters.add(resolve);
      signal.addEventListener('abort', () => pending.waiters?.delete(resolve), { once: true });
    });
  }

  /** null if the call is not tracked, or the keeper is closed. */
  #take(id: string): Pending | null {
    if (this.#isClosed) return null;
    const { registry, clock, uptime, policy, bind } = this.#options;
    const call = trackedCallOf(registry.get(id));
    const known = this.#pending.get(id);
    if (known) return call === null ? known : this.#join(known, call);
    if (call === null) return null;
    const pending = toPending({
      call,
      version: registry.version(id),
      ...this.#placeOf(call),
      readAt: uptime(),
      queuedUntil: clock.now() + policy.refusedCapMs,
      bound: bind?.() ?? null,
    });
    this.#pending.set(id, pending);
    if (hasEnded(call, { settledNow: clock.settledNow() })) this.#stop(pending);
    else this.#dispatch.add(pending);
    return pending;
  }

  /**
   * Joins the keepAlive of the call that is already on its way. If it has waited for long, this
   * writes a failure, so that the bot learns that the call is at risk or expired. The failure is
   * `refused`, which has the longest pause, because a sooner attempt would only wait as well.
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
    this.#outcomes.add({ pending, asked: pending.call, outcome });
    this.#options.observer.attempted(pending.call, outcome);
  }

  #stop(pending: Pending): void {
    pending.isSent = true;
    this.#outcomes.add({ pending, asked: pending.call, outcome: null });
  }

  /** A call whose wait was written as a failure, and that is still tracked, goes on waiting. */
  #written({ pending, outcome, isWaiting }: PendingOutcome, isWritten: boolean): void {
    const { slots, registry, clock, policy } = this.#options;
    const timing = isWritten ? slots.timing(pending.id) : null;
    // A failure next to this renewal is from another replica's attempt at the same time.
    const graceMs = outcome?.kind === 'renewed' ? policy.firstMs : 0;
    if (timing !== null) this.#planner.plan(pending.id, timing, graceMs);
    if (isWaiting && (!isWritten || timing !== null)) {
      pending.queuedUntil = (timing?.retryAt ?? clock.now()) - 1;
      return;
    }
    const call = isWritten && pending.waiters ? callOf(registry.get(pending.id)) : null;
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
