import { DelayedError, type Job, type Telemetry } from 'bullmq';
import type { Logger } from 'pino';
import { BullWorker, type WorkerConnections } from '../bull/bull-worker.ts';
import type { Clock } from '../calls/ports.ts';
import type { Visited, Visits } from '../calls/visitor.ts';
import { plannedAt, QUEUE_NAME, type VisitData } from './wheel-queue.ts';

export interface WheelWorkerOptions {
  readonly connections: WorkerConnections;
  readonly prefix: string;
  readonly visitor: Visits;
  readonly clock: Clock;
  /** If this replica gives no sign of life for this long, another one makes the visit, in ms. */
  readonly lockMs: number;
  readonly retryMs: number;
  readonly telemetry: Telemetry | null;
  readonly log: Logger;
}

/**
 * The most concurrent visits. A visit reads its slot and hands the due calls over, without waiting
 * for requests, so it lasts at most as long as the slot is wide: two would do. The others are for
 * turns that are late.
 */
const CONCURRENCY = 8;

export class WheelWorker {
  readonly #options: WheelWorkerOptions;
  readonly #stop = new AbortController();
  readonly #worker: BullWorker<VisitData>;

  constructor(options: WheelWorkerOptions) {
    this.#options = options;
    this.#worker = new BullWorker<VisitData>({
      ...options,
      name: QUEUE_NAME,
      process: (job, token) => this.#process(job, token),
      settings: {
        concurrency: CONCURRENCY,
        ...(options.telemetry && { telemetry: options.telemetry }),
      },
    });
  }

  start(): void {
    this.#worker.start();
  }

  isIdleFor(ms: number): boolean {
    return this.#worker.isIdleFor(ms);
  }

  isUnresponsiveFor(ms: number): boolean {
    return this.#worker.isUnresponsiveFor(ms);
  }

  /** Cuts visits short, so that BullMQ gives them to other replicas. */
  async stop(limit: AbortSignal): Promise<void> {
    this.#stop.abort();
    if (await this.#worker.stop(limit)) return;
    this.#options.log.warn('visits were dropped: other replicas repeat them');
  }

  async #process(job: Job<VisitData>, token: string | undefined): Promise<void> {
    const { clock, retryMs, log } = this.#options;
    let againAt = clock.now();
    try {
      if ((await this.#visit(job)) === 'done') return;
    } catch (err) {
      log.warn({ err, data: job.data }, 'visit failed; it will be repeated');
      againAt += retryMs;
    }
    // BullMQ goes by this machine's clock. If that is ahead of the shared clock, an instant of the
    // shared clock would seem past, and the job would run again and again until it comes.
    await job.moveToDelayed(Date.now() + Math.ceil(againAt - clock.now()), token);
    throw new DelayedError();
  }

  async #visit(job: Job<VisitData>): Promise<Visited> {
    const { slot } = job.data;
    // Redis has lost the data of the job: the check of the schedulers or the watch makes up for it.
    if (!Number.isInteger(slot)) return 'done';
    return await this.#options.visitor.visitSlot(slot, plannedAt(job), this.#stop.signal);
  }
}
