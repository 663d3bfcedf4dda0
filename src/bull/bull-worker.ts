import { performance } from 'node:perf_hooks';
import { type Job, Worker, type WorkerOptions } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { Logger } from 'pino';
import { isDoneWithin } from '../calls/cut-off.ts';
import { QueueErrors } from './queue-errors.ts';

/** The connection of one worker, and those that BullMQ duplicates from it. */
export interface WorkerConnections {
  /** Waits for Redis without limit, as BullMQ requires. */
  readonly redis: Redis | Cluster;
  disconnect(): void;
}

export interface BullWorkerOptions<Data> {
  readonly name: string;
  readonly prefix: string;
  readonly connections: WorkerConnections;
  /** If a replica gives no sign of life for this long, another one takes its jobs, in ms. */
  readonly lockMs: number;
  readonly process: (job: Job<Data>, token: string | undefined) => Promise<void>;
  readonly settings: Omit<WorkerOptions, 'connection' | 'prefix'>;
  readonly log: Logger;
}

/**
 * Notes when it last asked Redis for a job. A waiting worker asks at least every 10 s, and for each
 * new job, even if another replica takes it. An unresponsive one does not ask.
 */
class NotingWorker<Data> extends Worker<Data> {
  /** Monotonic; Infinity until it is connected. */
  askedAt = Infinity;

  protected override getBlockTimeout(blockUntil: number): number {
    this.askedAt = performance.now();
    return super.getBlockTimeout(blockUntil);
  }
}

/** A worker of BullMQ that knows whether it is idle or unresponsive, and stops within a limit. */
export class BullWorker<Data> {
  readonly #options: BullWorkerOptions<Data>;
  #worker: NotingWorker<Data> | null = null;
  #busy = 0;
  /** Monotonic. */
  #lastBusyAt = 0;

  constructor(options: BullWorkerOptions<Data>) {
    this.#options = options;
  }

  start(): void {
    const { name, prefix, connections, lockMs, settings, log } = this.#options;
    this.#lastBusyAt = performance.now();
    this.#worker ??= new NotingWorker<Data>(name, (job, token) => this.#process(job, token), {
      connection: connections.redis,
      prefix,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      runRetryDelay: Math.min(1_000, lockMs),
      ...settings,
    });
    const errors = new QueueErrors(log);
    this.#worker.on('error', (err) => errors.note(err, `the worker of the queue "${name}" fails`));
  }

  /** False while it works. */
  isIdleFor(ms: number): boolean {
    return this.#busy === 0 && performance.now() - this.#lastBusyAt > ms;
  }

  /** Idle, and has not asked for a job for this long. */
  isUnresponsiveFor(ms: number): boolean {
    const askedAt = this.#worker?.askedAt ?? Infinity;
    return this.isIdleFor(ms) && performance.now() - askedAt > ms;
  }

  /**
   * Takes no more jobs, and waits for those under way until `limit` aborts: BullMQ's own close has
   * no time limit. Returns whether all jobs were done.
   */
  async stop(limit: AbortSignal): Promise<boolean> {
    const isDone = await isDoneWithin(this.#worker?.close() ?? Promise.resolve(), limit);
    this.#options.connections.disconnect();
    return isDone;
  }

  async #process(job: Job<Data>, token: string | undefined): Promise<void> {
    this.#busy++;
    try {
      await this.#options.process(job, token);
    } finally {
      this.#busy--;
      this.#lastBusyAt = performance.now();
    }
  }
}
