import { deadlineAt } from '../calls/deadline.ts';
import { laneOf } from '../calls/lane.ts';
import type { Outcome } from '../calls/outcome.ts';
import { isOver } from '../calls/plan.ts';
import type { Entry, KeepAliveSender, SettledClock } from '../calls/ports.ts';
import { FairLimiter, type Release } from '../limiter/fair-limiter.ts';
import { faredBy } from './fared.ts';
import type { Pending } from './pending.ts';
import { readCalls, UNREAD } from './read-calls.ts';
import type { Registries } from './registries.ts';
import { TokenGate } from './token-gate.ts';
import { unsent } from './unsent.ts';

export interface DispatchOptions {
  readonly registries: Registries;
  readonly sender: KeepAliveSender;
  /** Requests in flight at most. */
  readonly places: number;
  /** How long one request may take, in ms. */
  readonly requestMs: number;
  readonly clock: SettledClock;
  /** Monotonic, in ms. */
  readonly uptime: () => number;
  readonly deadlineMs: number;
  /** The request came back, or there could be none. */
  readonly onAttempted: (pending: Pending, outcome: Outcome) => void;
  /** Its `trackUntil` has come: nothing was sent. */
  readonly onOver: (pending: Pending) => void;
  /** Nothing was sent, as nothing needs to be; `outcome` is for those who wait for one. */
  readonly onDropped: (pending: Pending, outcome: Outcome) => void;
}

/** Lets calls wait for their tokens and for their places, looks at each one again, and sends. */
export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #gate: TokenGate;
  readonly #limiter: FairLimiter<Pending>;
  readonly #inFlight = new Set<Promise<void>>();
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
      admit: (pending, release) => this.#admitted(pending, release),
    });
  }

  add(pending: Pending): void {
    if (this.#options.sender.ready(pending.call)) this.#limiter.add(pending);
    else this.#gate.add(pending);
  }

  /** Sends nothing from now on. Returns what only waited. */
  close(): Pending[] {
    this.#isClosed = true;
    return [...this.#gate.drain(), ...this.#limiter.drain()].filter(({ isDone }) => !isDone);
  }

  /** After {@link close}: resolves when the requests in flight have come back. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** Much may have happened while it waited: the bot may have stopped it. */
  #admitted(pending: Pending, release: Release): void {
    const latest = this.#options.registries.latest(pending.call);
    if (latest === undefined) this.#track(this.#readAndGoOn(pending, release));
    else this.#goOn(pending, latest, release);
  }

  /** The local registry had no room for it, or has forgotten that it left: only Redis knows. */
  async #readAndGoOn(pending: Pending, release: Release): Promise<void> {
    const { call } = pending;
    const [read] = await readCalls(this.#options.registries, [call.id]);
    // Redis does not answer either: one keepAlive too many is harmless, one too few ends a call.
    this.#goOn(pending, read === undefined ? { call, version: UNREAD } : read, release);
  }

  #goOn(pending: Pending, latest: Entry | null, release: Release): void {
    const instead = this.#insteadOf(pending, latest);
    if (instead === null) {
      this.#track(this.#send(pending, release));
    } else {
      release('unused');
      instead();
    }
  }

  /** What is to be done instead of sending; null if it is to be sent. */
  #insteadOf(pending: Pending, latest: Entry | null): (() => void) | null {
    const { clock, sender, onOver, onDropped } = this.#options;
    const now = clock.now();
    if (pending.isDone) return () => undefined;
    if (this.#isClosed) return () => onDropped(pending, unsent('stopping', now));
    if (latest === null) return () => onDropped(pending, unsent('stopped', now));
    const { call } = latest;
    const { renewedAt } = call;
    if (renewedAt !== null && renewedAt > (pending.call.renewedAt ?? 0)) {
      return () => onDropped(pending, { kind: 'renewed', sentAt: renewedAt });
    }
    pending.call = call;
    if (isOver(call, clock.settledNow())) return () => onOver(pending);
    if (laneOf(call) === pending.lane && sender.ready(call)) return null;
    return () => this.#addAgain(pending);
  }

  /** The token has expired, or the call was tracked again under another app or tenant. */
  #addAgain(pending: Pending): void {
    pending.lane = laneOf(pending.call);
    pending.deadlineAt = deadlineAt(pending.call, this.#options.deadlineMs);
    this.add(pending);
  }

  async #send(pending: Pending, release: Release): Promise<void> {
    const { sender, onAttempted } = this.#options;
    const { call, bound } = pending;
    pending.isSent = true;
    const send = () => sender.send(call);
    const outcome = await (bound ? bound(send) : send());
    release(faredBy(outcome));
    onAttempted(pending, outcome);
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#inFlight.delete(tracked));
    this.#inFlight.add(tracked);
  }
}
