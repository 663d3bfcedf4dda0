import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import type { Call } from '../calls/call.ts';
import { deadlineAt } from '../calls/deadline.ts';
import { groupNew } from '../calls/group-new.ts';
import { type Clock, type FirstKeepAlives, StoreUnavailableError } from '../calls/ports.ts';
import type { VisitData } from './wheel-queue.ts';

export interface FirstJobsOptions {
  readonly queue: Queue<VisitData>;
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** Calls with different keys have jobs of their own, whatever else they share. */
  readonly keyOf?: (call: Call) => string | number;
  /** Each request then has jobs of its own, which bear its trace. */
  readonly isTraced: boolean;
}

interface Asked {
  readonly calls: readonly Call[];
  done(): void;
  failed(error: StoreUnavailableError): void;
}

/** BullMQ takes 1 (first) to 2,097,152; finer than this nobody's need is known. */
const PRIORITIES = 1_000;

/**
 * Puts first keepAlives into the queue. What is asked for while those before are
 * still being put there waits for it, and then shares jobs: to BullMQ and Redis a
 * job costs more than a keepAlive. Those nearest to their deadlines go first, behind
 * the turns of the wheel, which have no priority: BullMQ takes these before all others.
 */
export class FirstJobs implements FirstKeepAlives {
  readonly #options: FirstJobsOptions;
  #asked: Asked[] = [];
  #isAdding = false;

  constructor(options: FirstJobsOptions) {
    this.#options = options;
  }

  /** Resolves when they are in Redis; rejects with `StoreUnavailableError`. */
  request(calls: readonly Call[]): Promise<void> {
    return new Promise((done, failed) => {
      const asked = { calls, done, failed };
      if (this.#options.isTraced) {
        void this.#add([asked]);
        return;
      }
      this.#asked.push(asked);
      if (!this.#isAdding) void this.#addAll();
    });
  }

  async #addAll(): Promise<void> {
    this.#isAdding = true;
    // Lets what is asked for in this turn of the event loop gather first.
    await nextTurn();
    while (this.#asked.length > 0) await this.#add(this.#asked.splice(0));
    this.#isAdding = false;
  }

  async #add(asked: readonly Asked[]): Promise<void> {
    try {
      await this.#options.queue.addBulk(this.#jobs(asked.flatMap(({ calls }) => calls)));
    } catch (cause) {
      const message = 'Redis did not take the first keepAlives';
      for (const { failed } of asked) failed(new StoreUnavailableError(message, { cause }));
      return;
    }
    for (const { done } of asked) done();
  }

  #jobs(calls: readonly Call[]) {
    const { deadlineMs, clock, keyOf } = this.#options;
    const now = clock.now();
    const left = (call: Call) => deadlineAt(call, deadlineMs) - now;
    // One that was asked for twice meanwhile is in one job once.
    const inNeed = [...new Map(calls.map((call) => [call.id, call])).values()].sort(
      (a, b) => left(a) - left(b),
    );
    return groupNew(inNeed, keyOf).map((group) => {
      const [first] = group;
      const share = first ? Math.min(1, Math.max(0, left(first) / deadlineMs)) : 1;
      return {
        name: 'first',
        data: { ids: group.map(({ id }) => id) },
        opts: { priority: 1 + Math.floor(share * PRIORITIES) },
      };
    });
  }
}
