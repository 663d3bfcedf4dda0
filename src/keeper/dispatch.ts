import type { Logger } from 'pino';
import { type Call, trackedCallOf } from '../calls/call.ts';
import type { Outcome } from '../calls/outcome.ts';
import { hasEnded } from '../calls/plan.ts';
import type { CallRegistry, KeepAliveSender, SettledClock } from '../calls/ports.ts';
import { FairLimiter, type Release } from '../limiter/fair-limiter.ts';
import { laneOf } from './lane.ts';
import { laneFeedback } from './lane-feedback.ts';
import type { Pending, Place } from './pending.ts';
import { type Admitted, SecondLook } from './second-look.ts';
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
  readonly placeOf: (call: Call) => Place;
  /** If a call waited for longer than this, its record is read again right before its request. */
  readonly staleMs: number;
  readonly log: Pick<Logger, 'error'>;
  readonly onAttempted: (pending: Pending, outcome: Outcome) => void;
  /** Its `trackUntil` has come: nothing was sent. */
  readonly onOver: (pending: Pending) => void;
  /** No request was necessary. `outcome` is for those who wait for one. */
  readonly onDropped: (pending: Pending, outcome: Outcome) => void;
}

/** Makes each call wait for its token and its place, checks it again, and sends its request. */
export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #gate: TokenGate;
  readonly #limiter: FairLimiter<Pending>;
  readonly #secondLook: SecondLook;
  #inFlight = 0;
  #onSettled: (() => void) | null = null;
  #isClosed = false;

  constructor(options: DispatchOptions) {
    this.#options = options;
    const { clock, requestMs } = options;
    const slowMs = requestMs / 2;
    this.#gate = new TokenGate({
      ...options,
      slowMs,
      now: () => clock.now(),
      onOpen: (pending) => this.#limiter.add(pending),
      onFailed: (pending, outcome) => this.#withoutToken(pending, outcome),
    });
    this.#limiter = new FairLimiter<Pending>({
      ...options,
      slowMs,
      admit: (pending, release) => this.#admitted({ pending, release }),
    });
    this.#secondLook = new SecondLook({
      ...options,
      onLooked: (admitted) => this.#sendIfDue(admitted),
    });
  }

  add(pending: Pending): void {
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
    const isNeeded = !this.#isClosed && this.#secondLook.isNeeded(admitted.pending);
    if (isNeeded) this.#secondLook.add(admitted);
    else this.#sendIfDue(admitted);
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

  /** Drops the call if `act` throws, and returns undefined: an error stops no other call. */
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

  /** If the call was tracked again meanwhile, the failure may belong to its previous app or tenant. */
  #withoutToken(pending: Pending, outcome: Outcome): void {
    if (laneOf(pending.call) === pending.lane) this.#options.onAttempted(pending, outcome);
    else this.#addAgain(pending);
  }

  /** The token has expired, or the call was tracked again under another app or tenant. */
  #addAgain(pending: Pending): void {
    this.add(Object.assign(pending, this.#options.placeOf(pending.call)));
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
