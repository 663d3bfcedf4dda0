import { crc32 } from 'node:zlib';
import type { Call } from '../calls/call.ts';
import type { Outcome } from '../calls/outcome.ts';
import type { KeepAliveSender } from '../calls/ports.ts';
import {
  FairLimiter,
  type LaneFeedback,
  type Release,
  type Waiting,
} from '../limiter/fair-limiter.ts';
import { inChunks } from './chunks.ts';
import type { Bound, Pending } from './pending.ts';
import { RecentSet } from './recent-set.ts';

export interface TokenGateOptions {
  readonly sender: KeepAliveSender;
  /** A token request that takes longer counts as slow, in ms. */
  readonly slowMs: number;
  readonly now: () => number;
  readonly uptime: () => number;
  readonly onOpen: (pending: Pending) => void;
  readonly onFailed: (pending: Pending, outcome: Outcome) => void;
}

/** The calls that wait for the token of one app in one tenant. */
interface Gate {
  /** The app and tenant: the lane of its calls. */
  readonly of: string;
  /** The call as it was at first, because it may move to another tenant. */
  readonly asked: Call;
  readonly bound: Bound | null;
  readonly calls: Pending[];
  nearestDeadlineAt: number;
  /** Whether one of its turns has come: later ones do nothing. */
  isAsked: boolean;
}

/** A turn of a gate to request a token. A call much nearer to its deadline adds another turn. */
interface Turn extends Waiting {
  readonly gate: Gate;
}

/** Token requests in flight at most. One answer serves all calls of its app and tenant. */
const TOKEN_PLACES = 16;

/** How many lanes the tenants of an app share that have given no token yet. */
const UNPROVEN_LANES = 4;

/** A call that is nearer to its deadline than the others by this much gets another turn, in ms. */
const NEARER_MS = 10_000;

/** Later than any deadline, in ms, so that refused tenants come after all others. */
const REFUSED_LATER_MS = 1e14;

/**
 * Holds calls back until they have a token, so that meanwhile they take no place in the limiter of
 * keepAlives. Token requests have their own limiter. The tenants of an app that have given a token
 * share one lane. Other tenants may not exist: they share a few lanes, and in each lane a tenant
 * that Entra has refused waits behind those that it has not. So a new tenant waits for at most one
 * request per tenant that does not exist.
 */
export class TokenGate {
  readonly #options: TokenGateOptions;
  readonly #gates = new Map<string, Gate>();
  readonly #limiter: FairLimiter<Turn>;
  /** Apps and tenants. */
  readonly #proven = new RecentSet();
  readonly #refused = new RecentSet();

  constructor(options: TokenGateOptions) {
    this.#options = options;
    this.#limiter = new FairLimiter({
      places: TOKEN_PLACES,
      slowMs: options.slowMs,
      uptime: options.uptime,
      admit: ({ gate }, release) => void this.#admit(gate, release),
    });
  }

  add(pending: Pending): void {
    const { lane, deadlineAt, call, bound } = pending;
    const known = this.#gates.get(lane);
    const gate = known ?? this.#create(lane, call, bound);
    gate.calls.push(pending);
    const isNearer = deadlineAt < gate.nearestDeadlineAt - NEARER_MS;
    gate.nearestDeadlineAt = Math.min(gate.nearestDeadlineAt, deadlineAt);
    if (isNearer && !gate.isAsked) this.#limiter.add(this.#turnOf(gate));
  }

  drain(): Pending[] {
    this.#limiter.drain();
    const calls = [...this.#gates.values()].flatMap((gate) => gate.calls.splice(0));
    this.#gates.clear();
    return calls;
  }

  #create(of: string, asked: Call, bound: Bound | null): Gate {
    const gate = { of, asked, bound, calls: [], nearestDeadlineAt: Infinity, isAsked: false };
    this.#gates.set(of, gate);
    return gate;
  }

  #turnOf(gate: Gate): Turn {
    const { of, asked, nearestDeadlineAt: deadlineAt } = gate;
    if (this.#proven.has(of)) return { gate, lane: asked.app, rank: deadlineAt };
    const lane = `${asked.app}?${crc32(of) % UNPROVEN_LANES}`;
    const laterMs = this.#refused.has(of) ? REFUSED_LATER_MS : 0;
    return { gate, lane, rank: deadlineAt + laterMs };
  }

  async #admit(gate: Gate, release: Release): Promise<void> {
    if (gate.isAsked) return release('unused');
    gate.isAsked = true;
    const { onOpen, onFailed } = this.#options;
    const outcome = await this.#ask(gate);
    if (this.#gates.get(gate.of) === gate) this.#gates.delete(gate.of);
    release(this.#learn(gate, outcome));
    await inChunks(gate.calls, (pending) => {
      if (outcome === null) onOpen(pending);
      else onFailed(pending, outcome);
    });
  }

  #ask({ asked, bound, nearestDeadlineAt }: Gate): Promise<Outcome | null> {
    const { sender, now } = this.#options;
    const ask = () => sender.prepare(asked, nearestDeadlineAt - now());
    return bound ? bound(ask) : ask();
  }

  #learn({ of }: Gate, outcome: Outcome | null): LaneFeedback {
    if (outcome === null) {
      this.#proven.add(of);
      this.#refused.delete(of);
      return 'ok';
    }
    if (outcome.kind !== 'refused') return 'trouble';
    this.#refused.add(of);
    // A refusal is quick: it says nothing against the lane of the known tenants.
    return this.#proven.delete(of) ? 'unused' : 'failed';
  }
}
