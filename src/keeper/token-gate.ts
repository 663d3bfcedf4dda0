import type { Call } from '../calls/call.ts';
import type { Outcome } from '../calls/outcome.ts';
import type { KeepAliveSender } from '../calls/ports.ts';
import { FairLimiter, type Release, type Waiting } from '../limiter/fair-limiter.ts';
import { inChunks } from './chunks.ts';
import type { Bound, Pending } from './pending.ts';

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
  /** The app and tenant: the lane of its calls. */
  readonly of: string;
  /** Whose token is asked for, as it was when the gate was made: it may move to another tenant. */
  readonly asked: Call;
  readonly bound: Bound | null;
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
    const { lane, deadlineAt, call, bound } = pending;
    const known = this.#gates.get(lane);
    if (known) {
      known.calls.push(pending);
      known.nearestDeadlineAt = Math.min(known.nearestDeadlineAt, deadlineAt);
      return;
    }
    const turn = { lane: call.app, deadlineAt, nearestDeadlineAt: deadlineAt };
    const gate: Gate = { ...turn, of: lane, asked: call, bound, calls: [pending] };
    this.#gates.set(lane, gate);
    this.#limiter.add(gate);
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
    const { of, asked, bound, calls } = gate;
    const ask = () => sender.prepare(asked, gate.nearestDeadlineAt - now());
    const outcome = await (bound ? bound(ask) : ask());
    if (this.#gates.get(of) === gate) this.#gates.delete(of);
    // A refusal is a quick and clear answer: it says nothing against the app's other tenants.
    if (outcome === null) release('ok');
    else release(outcome.kind === 'refused' ? 'unused' : 'trouble');
    await inChunks(calls, (pending) => {
      if (outcome === null) onOpen(pending);
      else onFailed(pending, outcome);
    });
  }
}
