import type { Outcome } from '../calls/outcome.ts';
import type { KeepAliveSender } from '../calls/ports.ts';
import { FairLimiter, type Release, type Waiting } from '../limiter/fair-limiter.ts';
import { inChunks } from './chunks.ts';
import type { Pending } from './pending.ts';

export interface TokenGateOptions {
  readonly sender: KeepAliveSender;
  /** A token request that takes longer counts as slow, in ms. */
  readonly slowMs: number;
  readonly now: () => number;
  readonly uptime: () => number;
  /** The call has a token. */
  readonly onOpen: (pending: Pending) => void;
  readonly onFailed: (pending: Pending, outcome: Outcome) => void;
}

/** The calls that wait for the token of one app in one tenant. */
interface Gate extends Waiting {
  readonly first: Pending;
  readonly calls: Pending[];
  nearestDeadlineAt: number;
}

/** Token requests in flight at most. One answer serves all calls of its app and tenant. */
const TOKEN_PLACES = 16;

/**
 * Holds calls back until there is a token for them, so that they take no place of the limiter
 * meanwhile. Token requests have their own limiter, with one lane for each app: made-up tenants
 * delay only the app that they were named with.
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

  /** Removes and returns all calls that wait. */
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
    // A refusal is quick and clear. It is no evidence against the app's other tenants.
    if (outcome === null) release('ok');
    else release(outcome.kind === 'refused' ? 'unused' : 'trouble');
    await inChunks(calls, (pending) => {
      if (outcome === null) onOpen(pending);
      else onFailed(pending, outcome);
    });
  }
}
