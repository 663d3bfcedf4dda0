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
  /** The request was answered or timed out, or none could be sent. */
  readonly onAttempted: (pending: Pending, outcome: Outcome) => void;
  /** Its `trackUntil` has come: nothing was sent. */
  readonly onOver: (pending: Pending) => void;
  /** Nothing had to be sent; `outcome` is for callers who wait for one. */
  readonly onDropped: (pending: Pending, outcome: Outcome) => void;
}

/** Makes each call wait for its token and its place, checks it again, and sends its request. */
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

  /** Stops sending. Returns the calls that were still waiting. */
  close(): Pending[] {
    this.#isClosed = true;
    return [...this.#gate.drain(), ...this.#limiter.drain()].filter(({ isDone }) => !isDone);
  }

  /** After {@link close}: resolves when all requests in flight have ended. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** Checks the call again: the bot may have stopped it while it waited. */
  #admitted(pending: Pending, release: Release): void {
    const latest = this.#options.registries.latest(pending.call);
    if (latest === undefined) this.#track(this.#readAndGoOn(pending, release));
    else this.#goOn(pending, latest, release);
  }

  /** For a call that only Redis knows: the local registry had no room for it, or forgot its removal. */
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

  /** What to do instead of sending; null: send. */
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
