import type { Logger } from 'pino';
import { trackedCallOf } from '../calls/call.ts';
import type { Outcome } from '../calls/outcome.ts';
import { hasEnded, type PlanTimings } from '../calls/plan.ts';
import type { CallRegistry, KeepAliveSender, SettledClock } from '../calls/ports.ts';
import { FairLimiter, type Release } from '../limiter/fair-limiter.ts';
import { Batches } from './batches.ts';
import { laneOf } from './lane.ts';
import { laneFeedback } from './lane-feedback.ts';
import { type Pending, placeOf } from './pending.ts';
import { TokenGate } from './token-gate.ts';
import { unsent } from './unsent.ts';

export interface DispatchOptions {
  readonly registry: Pick<CallRegistry, 'get' | 'version' | 'read'>;
  readonly sender: KeepAliveSender;
  readonly places: number;
  readonly requestMs: number;
  readonly clock: SettledClock;
  /** Monotonic, in ms. */
  readonly uptime: () => number;
  readonly timings: PlanTimings;
  /** The record of a call that has waited for this long is read again, in ms. */
  readonly staleMs: number;
  /** See `shuffled`. */
  readonly laterMs: (id: string) => number;
  readonly log: Pick<Logger, 'error'>;
  readonly onAttempted: (pending: Pending, outcome: Outcome) => void;
  /** Its `trackUntil` has come: nothing was sent. */
  readonly onOver: (pending: Pending) => void;
  /** No request was necessary. `outcome` is for those who wait for one. */
  readonly onDropped: (pending: Pending, outcome: Outcome) => void;
}

/** A call that has its place in the limiter. */
interface Admitted {
  readonly pending: Pending;
  readonly release: Release;
}

/** The most records that are read again at once. */
const READ_BATCH = 200;

/** Makes each call wait for its token and its place, checks it again, and sends its request. */
export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #gate: TokenGate;
  readonly #limiter: FairLimiter<Pending>;
  readonly #stale: Batches<Admitted>;
  #inFlight = 0;
  #onSettled: (() => void) | null = null;
  #isClosed = false;

  constructor(options: DispatchOptions) {
    this.#options = options;
    const { clock, requestMs, onAttempted } = options;
    const slowMs = requestMs / 2;
    this.#gate = new TokenGate({
      ...options,
      slowMs,
      now: () => clock.now(),
      onOpen: (pending) => this.#limiter.add(pending),
      onFailed: onAttempted,
    });
    this.#limiter = new FairLimiter<Pending>({
      ...options,
      slowMs,
      admit: (pending, release) => this.#admitted({ pending, release }),
    });
    this.#stale = new Batches<Admitted>(
      READ_BATCH,
      () => Promise.resolve(),
      (batch) => this.#readAgain(batch),
    );
  }

  /** Its record has just been read. */
  add(pending: Pending): void {
    pending.readAt = this.#options.uptime();
    this.#guarded(pending, () => {
      if (this.#options.sender.ready(pending.call)) this.#limiter.add(pending);
      else this.#gate.add(pending);
    });
  }

  /** Stops sending. Returns the calls that were still waiting. */
  close(): Pending[] {
    this.#isClosed = true;
    return [...this.#gate.drain(), ...this.#limiter.drain()].filter(({ isDone }) => !isDone);
  }

  /** After {@link close}: resolves when all requests in flight have ended. */
  async settled(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#onSettled = resolve));
  }

  #admitted(admitted: Admitted): void {
    const { uptime, staleMs } = this.#options;
    if (uptime() - admitted.pending.readAt > staleMs) this.#stale.add(admitted);
    else this.#sendIfDue(admitted);
  }

  /**
   * While a call waits here, another replica may take it up and renew it. The calls keep their
   * places meanwhile, so no more of them are read than are sent.
   */
  async #readAgain(batch: readonly Admitted[]): Promise<void> {
    const { registry, log } = this.#options;
    await registry.read(batch.map(({ pending }) => pending.id)).catch((err: unknown) => {
      log.error({ err, calls: batch.length }, 'records cannot be read again before sending');
    });
    for (const admitted of batch) this.#sendIfDue(admitted);
  }

  #sendIfDue({ pending, release }: Admitted): void {
    const instead = this.#guarded(pending, () => this.#insteadOf(pending));
    if (instead === null) {
      void this.#send(pending, release);
    } else {
      release('unused');
      if (instead) this.#guarded(pending, instead);
    }
  }

  /** An error about one call must not stop the others, or keep its place: undefined after one. */
  #guarded<R>(pending: Pending, act: () => R): R | undefined {
    try {
      return act();
    } catch (err) {
      const { log, clock, onDropped } = this.#options;
      log.error({ err, call: pending.id }, 'an internal error stopped a keepAlive');
      onDropped(pending, unsent('internal', clock.now()));
      return undefined;
    }
  }

  /**
   * Looks again right before sending, because much may have happened meanwhile: the bot may have
   * stopped the call, or another replica may have renewed it. Returns what to do instead; null:
   * send.
   */
  #insteadOf(pending: Pending): (() => void) | null {
    const { registry, clock, sender, onOver, onDropped } = this.#options;
    if (pending.isDone) return () => undefined;
    if (this.#isClosed) return () => onDropped(pending, unsent('stopping', clock.now()));
    const version = registry.version(pending.id);
    let isMoved = false;
    if (version !== pending.version) {
      const call = trackedCallOf(registry.get(pending.id));
      if (call === null) return () => onDropped(pending, unsent('stopped', clock.now()));
      const { renewedAt } = call;
      if (renewedAt !== null && renewedAt > (pending.call.renewedAt ?? 0)) {
        return () => onDropped(pending, { kind: 'renewed', sentAt: renewedAt });
      }
      Object.assign(pending, { call, version });
      isMoved = laneOf(call) !== pending.lane;
    }
    const { call } = pending;
    if (hasEnded(call, { settledNow: clock.settledNow() })) return () => onOver(pending);
    if (!isMoved && sender.ready(call)) return null;
    return () => this.#addAgain(pending);
  }

  /** The token has expired, or the call was tracked again under another app or tenant. */
  #addAgain(pending: Pending): void {
    const { timings, laterMs } = this.#options;
    const context = { deadlineMs: timings.deadlineMs, laterMs };
    this.add(Object.assign(pending, placeOf(pending.call, context)));
  }

  async #send(pending: Pending, release: Release): Promise<void> {
    const { sender, clock, log, onAttempted } = this.#options;
    const { call, bound } = pending;
    pending.isSent = true;
    this.#inFlight++;
    let outcome: Outcome | null = null;
    try {
      outcome = await (bound ? bound(() => sender.send(call)) : sender.send(call));
    } catch (err) {
      log.error({ err }, 'keepAlive failed unexpectedly');
    }
    // An error must not keep the place or the call for ever.
    outcome ??= unsent('internal', clock.now());
    try {
      onAttempted(pending, outcome);
    } finally {
      this.#inFlight--;
      if (this.#inFlight === 0) this.#onSettled?.();
      release(laneFeedback(outcome));
    }
  }
}
