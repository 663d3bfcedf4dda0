import type { Logger } from 'pino';
import type { Call } from '../calls/call.ts';
import { type LearnContext, learnedFrom, learnedFromClock, renewalAlone } from '../calls/learn.ts';
import type { Outcome } from '../calls/outcome.ts';
import type { PlanTimings } from '../calls/plan.ts';
import type { CallRegistry, SettledClock } from '../calls/ports.ts';
import type { CallRecord } from '../calls/record.ts';
import type { Wheel } from '../calls/wheel.ts';
import { Batches } from './batches.ts';
import type { Pending } from './pending.ts';

export interface OutcomesOptions extends Pick<LearnContext, 'policy' | 'random'> {
  readonly timings: PlanTimings;
  readonly registry: CallRegistry;
  readonly clock: SettledClock;
  readonly wheel: Pick<Wheel, 'intervalMs'>;
  readonly log: Pick<Logger, 'error'>;
  readonly onWritten: (written: PendingOutcome, isWritten: boolean) => void;
}

export interface PendingOutcome {
  readonly pending: Pending;
  /** The call as it was when the request was sent. */
  readonly asked: Call;
  /** null: its `trackUntil` has come, and no request was sent. */
  readonly outcome: Outcome | null;
  /** The call got no place in time, and goes on waiting for one. */
  readonly isWaiting?: boolean;
}

const WRITE_BATCH = 200;

/**
 * A write of outcomes waits for more for this share of the interval, up to the cap: a write for
 * each would cost Redis five times as much. If the replica is killed meanwhile, another one sends
 * those keepAlives again.
 */
const GATHER_SHARE = 1 / 1_000;
const GATHER_CAP_MS = 200;

export class Outcomes {
  readonly #options: OutcomesOptions;
  readonly #batches: Batches<PendingOutcome>;

  constructor(options: OutcomesOptions) {
    this.#options = options;
    const { clock, wheel } = options;
    const gatherMs = Math.min(GATHER_CAP_MS, wheel.intervalMs * GATHER_SHARE);
    const gather = () => clock.sleep(gatherMs);
    this.#batches = new Batches<PendingOutcome>(WRITE_BATCH, (batch) => this.#write(batch), gather);
  }

  add(added: PendingOutcome): void {
    this.#batches.add(added);
    if (added.pending.waiters) this.#batches.hurry();
  }

  /** Call it only after the last `add`. */
  async settled(): Promise<void> {
    await this.#batches.settled();
  }

  async #write(batch: readonly PendingOutcome[]): Promise<void> {
    const { registry, clock, timings, policy, random, log, onWritten } = this.#options;
    const at = { now: clock.now(), settledNow: clock.settledNow() };
    const context = { ...timings, ...at, policy, random };
    const changes = batch.map(({ pending, asked, outcome, isWaiting }) => ({
      id: pending.id,
      decide: (current: CallRecord) => {
        if (outcome === null) return learnedFromClock(current, context);
        if (isWaiting && pending.isSent) return null; // it got its place before this was written
        return learnedFrom(outcome, asked, current, context);
      },
      renewedAt: outcome === null ? undefined : renewalAlone(outcome, asked),
    }));
    // The records are then unchanged: the turn of the slot or the watch sends the calls again.
    const changed = await registry.update(changes).catch((err: unknown) => {
      log.error({ err, calls: batch.length }, 'outcomes cannot be written');
      return [];
    });
    for (const [i, written] of batch.entries()) {
      try {
        onWritten(written, changed[i] !== undefined);
      } catch (err) {
        log.error({ err, call: written.pending.id }, 'an internal error stopped a keepAlive');
        onWritten(written, false); // with false it reads no record
      }
    }
  }
}
