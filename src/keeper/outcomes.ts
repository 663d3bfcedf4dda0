import { Batches } from '../calls/batches.ts';
import { type Call, forget } from '../calls/call.ts';
import { type Decision, decideAndWrite } from '../calls/optimistic.ts';
import type { Outcome } from '../calls/outcome.ts';
import { isOver } from '../calls/plan.ts';
import {
  type Entry,
  type Random,
  type SettledClock,
  StoreUnavailableError,
} from '../calls/ports.ts';
import type { RetryPolicy } from '../calls/retry.ts';
import { type SettleContext, settle } from '../calls/settle.ts';
import type { Pending } from './pending.ts';
import { UNREAD } from './read-calls.ts';
import type { Registries, Registry } from './registries.ts';

export interface OutcomesOptions {
  readonly registries: Registries;
  readonly clock: SettledClock;
  readonly random: Random;
  readonly deadlineMs: number;
  readonly policy: RetryPolicy;
  /** How long a write waits for more outcomes, in ms. */
  readonly gatherMs: number;
  readonly onWritten: (settled: Settled, effect: Decision) => void;
}

/** An outcome to be written. */
export interface Settled {
  readonly pending: Pending;
  /** The call as it was when the request was sent. */
  readonly asked: Call;
  /** null: its `trackUntil` has come, and it leaves the schedule without a request. */
  readonly outcome: Outcome | null;
  /** The call got no place in time, and goes on waiting for one. */
  readonly isWaiting?: boolean;
}

/** At most this many outcomes are written at once, to keep each write short. */
const WRITE_BATCH = 200;

/**
 * Writes outcomes to the registry, in batches. If Redis fails, it writes them to the local
 * registry, which sync brings to Redis when that is back.
 */
export class Outcomes {
  readonly #options: OutcomesOptions;
  readonly #shared: Batches<Settled>;
  readonly #local: Batches<Settled>;

  constructor(options: OutcomesOptions) {
    this.#options = options;
    const { shared, local } = options.registries;
    this.#shared = this.#batches((batch) =>
      this.#write(shared, batch).catch((error: unknown) => {
        if (!(error instanceof StoreUnavailableError)) throw error;
        return this.#write(local, batch);
      }),
    );
    this.#local = this.#batches((batch) => this.#write(local, batch));
  }

  add(settled: Settled): void {
    const { pending } = settled;
    const batches = this.#options.registries.isLocal(pending.id) ? this.#local : this.#shared;
    batches.add(settled);
    if (pending.waiters) batches.hurry();
  }

  /** Resolves when everything is written. Call it only after the last `add`. */
  async settled(): Promise<void> {
    await Promise.all([this.#shared.settled(), this.#local.settled()]);
  }

  #batches(write: (batch: Settled[]) => Promise<Decision[]>): Batches<Settled> {
    const { clock, gatherMs, onWritten } = this.#options;
    const gather = (signal: AbortSignal) => clock.sleep(gatherMs, signal);
    return new Batches<Settled>(WRITE_BATCH, gather, async (batch) => {
      // If the write failed, the record is unchanged: the slot's turn or the watch finds the call.
      const effects: Decision[] = await write(batch).catch(() => []);
      for (const [i, settled] of batch.entries()) onWritten(settled, effects[i] ?? null);
    });
  }

  async #write({ store, observer }: Registry, batch: readonly Settled[]): Promise<Decision[]> {
    const { registries, clock } = this.#options;
    const now = clock.now();
    const settledNow = clock.settledNow();
    const context = { ...this.#options, now, settledNow };
    const subjects = batch.map((settled) => {
      const { id, call } = settled.pending;
      const latest = registries.latest(call);
      return { id, entry: latest === undefined ? { call, version: UNREAD } : latest, settled };
    });
    const effects = await decideAndWrite(store, subjects, (current, { settled }) => {
      if (current === null) return null;
      const { asked, outcome } = settled;
      if (outcome !== null) return settle(asked, current.call, outcome, context);
      return endOf(current, context);
    });
    for (const effect of effects) {
      if (effect === null) continue;
      if ('gone' in effect) observer.removed(effect.gone);
      else if (effect.tell === 'at-risk') observer.atRisk(effect.next);
    }
    return effects;
  }
}

/** Ends the tracking, unless the bot prolonged it meanwhile. */
function endOf({ call }: Entry, { now, settledNow }: SettleContext): Decision {
  return isOver(call, settledNow) ? { gone: forget(call, 'untracked', now) } : null;
}
