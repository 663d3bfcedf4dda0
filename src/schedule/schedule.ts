import type { Queue } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { WorkerConnections } from '../bull/bull-worker.ts';
import { whenReady } from '../bull/open-queue.ts';
import { QueueErrors } from '../bull/queue-errors.ts';
import type { Clock } from '../calls/ports.ts';
import type { Visits } from '../calls/visitor.ts';
import type { Wheel } from '../calls/wheel.ts';
import { Schedulers } from './schedulers.ts';
import { openQueue, type QueueTelemetry, type VisitData } from './wheel-queue.ts';
import { WheelWorker } from './wheel-worker.ts';

export interface ScheduleOptions {
  /** Fails fast. For the queue, not for the worker. */
  readonly redis: Redis | Cluster;
  /** Connections of a worker, which wait for Redis without a limit. */
  readonly connectWorker: () => WorkerConnections;
  readonly prefix: string;
  readonly wheel: Wheel;
  readonly visitor: Visits;
  readonly clock: Clock;
  readonly lookOverMs: number;
  readonly turnGraceMs: number;
  readonly lockMs: number;
  readonly visitRetryMs: number;
  /** A worker that lets turns wait for half of this, or asks for none in this time, is replaced. */
  readonly unresponsiveMs: number;
  readonly log: Logger;
  readonly onRepair: (fault: string) => void;
  readonly onWorkerReplaced: () => void;
  readonly telemetry: QueueTelemetry | null;
}

interface Run {
  worker: WheelWorker;
  readonly suspended: AbortController;
  readonly looking: Promise<void>;
}

/**
 * Turns the wheel with BullMQ: one Job Scheduler per slot, a worker that makes the visits, and a
 * periodic check that repairs the schedulers.
 *
 * It runs while Redis answers and this machine's clock, which BullMQ uses, agrees with Redis's.
 * Otherwise it is suspended, and the watch makes the visits.
 */
export class Schedule {
  readonly #options: ScheduleOptions;
  #isStopped = false;
  #queue: Queue<VisitData> | null = null;
  #schedulers: Schedulers | null = null;
  #run: Run | null = null;

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#run !== null;
  }

  /** Rejects if the queue cannot be opened: call it again. */
  async resume(): Promise<void> {
    if (this.#run || this.#isStopped) return;
    await this.#open();
    if (this.#isStopped) return;
    const suspended = new AbortController();
    const looking = this.#lookOver(suspended.signal);
    this.#run = { worker: this.#startWorker(), suspended, looking };
  }

  /**
   * Takes no more turns, and hands visits in flight to other replicas. When `limit` aborts, it
   * drops them instead; other replicas repeat them.
   */
  async suspend(limit: AbortSignal): Promise<void> {
    const run = this.#run;
    if (!run) return;
    this.#run = null;
    run.suspended.abort();
    await run.worker.stop(limit);
    await run.looking;
  }

  async stop(limit: AbortSignal): Promise<void> {
    this.#isStopped = true;
    await this.suspend(limit);
    await this.#queue?.close();
  }

  /**
   * Replaces the worker if it has not asked for a job for this long. An idle worker does ask, even
   * if other replicas are faster at each turn.
   */
  replaceIfUnresponsive(forMs: number): void {
    const run = this.#run;
    if (run?.worker.isUnresponsiveFor(forMs)) this.#replaceWorker(run);
  }

  #replaceWorker(run: Run): void {
    this.#options.log.warn('replacing the worker: it takes no jobs');
    void run.worker.stop(AbortSignal.timeout(this.#options.lockMs));
    run.worker = this.#startWorker();
    this.#options.onWorkerReplaced();
  }

  async #open(): Promise<void> {
    if (this.#queue) return;
    const { redis, prefix, turnGraceMs, telemetry, log } = this.#options;
    const queue = await whenReady(openQueue(redis, prefix, telemetry?.queue ?? null), log);
    this.#queue = queue;
    this.#schedulers = new Schedulers({
      ...this.#options,
      queue,
      graceMs: turnGraceMs,
      // An idle worker should have taken them.
      onUntaken: (forMs) => {
        const isLong = forMs > this.#options.unresponsiveMs / 2;
        if (isLong && this.#run?.worker.isIdleFor(forMs)) this.#replaceWorker(this.#run);
      },
    });
  }

  #startWorker(): WheelWorker {
    const { connectWorker, visitRetryMs, telemetry } = this.#options;
    const worker = new WheelWorker({
      ...this.#options,
      connections: connectWorker(),
      retryMs: visitRetryMs,
      telemetry: telemetry?.worker ?? null,
    });
    worker.start();
    return worker;
  }

  async #lookOver(suspended: AbortSignal): Promise<void> {
    const { clock, lookOverMs, log } = this.#options;
    const errors = new QueueErrors(log);
    while (!suspended.aborted) {
      await this.#schedulers
        ?.lookOver()
        .catch((err) => errors.note(err, 'cannot check or repair schedulers'));
      await clock.sleep(lookOverMs, suspended);
    }
  }
}
