import type { Outcome } from '../calls/outcome.ts';
import type { KeepAliveSender } from '../calls/ports.ts';
import { FairLimiter, type Release, type Waiting } from '../limiter/fair-limiter.ts';
import { inChunks } from './chunks.ts';
import type { Pending } from './pending.ts';

export interface TokenGateOptions {
  readonly sender: KeepAliveSender;
  /** A token that takes longer is slow to come, in ms. */
  readonly slowMs: number;
  readonly now: () => number;
  readonly uptime: () => number;
  /** There is a token for it. */
  readonly onOpen: (pending: Pending) => void;
  readonly onFailed: (pending: Pending, outcome: Outcome) => void;
}

/** The calls that wait for the token of one app in one tenant. */
interface Gate extends Waiting {
  readonly first: Pending;
  readonly calls: Pending[];
  nearestDeadlineAt: number;
}

/** Tokens asked for at once. One answer serves all calls of its tenant. */
const TOKEN_PLACES = 16;

/**
 * Holds calls back until there is a token for them, so that none of them takes a place of the
 * limiter meanwhile. Tokens have a limiter of their own with one lane an app: tenants that
 * somebody made up wait in the lane of the app that was named, a few requests at once.
 */
export class TokenGate {
  readonly #options: TokenGateOptions;
  readonly #gates = new Map<string, Gate>();
  readonly #limiter: FairLimiter<Gate>;

  constructor(options: TokenGateOptions) {
    this.#options = options;
    this.#limiter = new FairLimiter({
      places: TOKEN_PLACES,
      slowMs: options.slowMs,
      uptime: options.uptime,
      admit: (gate, release) => void this.#ask(gate, release),
    });
  }

  add(pending: Pending): void {
    const { lane, deadlineAt, call } = pending;
    const known = this.#gates.get(lane);
    if (known) {
      known.calls.push(pending);
      known.nearestDeadlineAt = Math.min(known.nearestDeadlineAt, deadlineAt);
      return;
    }
    const calls = [pending];
    const gate = { lane: call.app, deadlineAt, nearestDeadlineAt: deadlineAt, first: pending };
    this.#gates.set(lane, { ...gate, calls });
    this.#limiter.add(this.#gates.get(lane) as Gate);
  }

  /** Takes out all that waits. */
  drain(): Pending[] {
    this.#limiter.drain();
    const calls = [...this.#gates.values()].flatMap((gate) => gate.calls.splice(0));
    this.#gates.clear();
    return calls;
  }

  async #ask(gate: Gate, release: Release): Promise<void> {
    const { sender, now, onOpen, onFailed } = this.#options;
    const { first, calls } = gate;
    const ask = () => sender.prepare(first.call, gate.nearestDeadlineAt - now());
    const outcome = await (first.bound ? first.bound(ask) : ask());
    if (this.#gates.get(first.lane) === gate) this.#gates.delete(first.lane);
    // A refusal is a quick and clear answer: it says nothing against the app's other tenants.
    if (outcome === null) release('ok');
    else release(outcome.kind === 'refused' ? 'unused' : 'trouble');
    await inChunks(calls, (pending) => {
      if (outcome === null) onOpen(pending);
      else onFailed(pending, outcome);
    });
  }
}
