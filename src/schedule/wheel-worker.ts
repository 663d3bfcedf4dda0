import { performance } from 'node:perf_hooks';
import { DelayedError, type Job, type Telemetry, Worker } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Clock } from '../calls/ports.ts';
import type { Visited, Visits } from '../calls/visitor.ts';
import { plannedAt, QUEUE_NAME, type VisitData } from './wheel-queue.ts';

/**
 * The connection of a worker and the ones it duplicates. They wait for Redis without a limit, as
 * BullMQ demands.
 */
export interface WorkerConnections {
  readonly redis: Redis | Cluster;
  disconnect(): void;
}

export interface WheelWorkerOptions {
  readonly connections: WorkerConnections;
  readonly prefix: string;
  readonly visitor: Visits;
  readonly clock: Clock;
  /** Without a heartbeat for this long, another replica makes the visit, in ms. */
  readonly lockMs: number;
  /** Pause before a failed visit is repeated, in ms. */
  readonly retryMs: number;
  readonly telemetry: Telemetry | null;
  readonly log: Logger;
}

/**
 * Concurrent visits of one replica. A visit reads its slot and hands the due calls over, without
 * waiting for requests. It lasts at most as long as the slot's width, so two would do; the others
 * are for turns that are late.
 */
const CONCURRENCY = 8;

/**
 * Notes when it last asked Redis for a job. A waiting worker asks at least every 10 s, and at each
 * turn, even if another replica takes it; a deaf worker has stopped asking.
 */
class NotingWorker extends Worker<VisitData> {
  /** Monotonic; Infinity until it is connected. */
  askedAt = Infinity;

  protected override getBlockTimeout(blockUntil: number): number {
    this.askedAt = performance.now();
    return super.getBlockTimeout(blockUntil);
  }
}

/** Takes the jobs of the wheel and makes the visits. */
export class WheelWorker {
  readonly #options: WheelWorkerOptions;
  readonly #stop = new AbortController();
  #worker: NotingWorker | null = null;
  #busy = 0;
  /** Monotonic. */
  #lastBusyAt = 0;

  constructor(options: WheelWorkerOptions) {
    this.#options = options;
  }

  start(): void {
    const { connections, prefix, lockMs, telemetry, log } = this.#options;
    this.#lastBusyAt = performance.now();
    this.#worker ??= new NotingWorker(QUEUE_NAME, (job, token) => this.#process(job, token), {
      connection: connections.redis,
      prefix,
      concurrency: CONCURRENCY,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      runRetryDelay: Math.min(1_000, lockMs),
      ...(telemetry && { telemetry }),
    });
    this.#worker.on('error', (err) => log.debug({ err }, 'worker'));
  }

  /** Whether it has had no work for this long. False while it works. */
  isIdleFor(ms: number): boolean {
    return this.#busy === 0 && performance.now() - this.#lastBusyAt > ms;
  }

  /** Whether it has had no work for this long, and has not asked for any either. */
  isDeafFor(ms: number): boolean {
    const askedAt = this.#worker?.askedAt ?? Infinity;
    return this.isIdleFor(ms) && performance.now() - askedAt > ms;
  }

  /**
   * Begins no more requests, finishes those in flight, and hands the rest of the visits to other
   * replicas. BullMQ's own close has no time limit, so this one stops waiting when `limit` aborts.
   */
  async stop(limit: AbortSignal): Promise<void> {
    this.#stop.abort();
    const worker = this.#worker;
    if (!worker) return;
    const cut = new Promise<'cut'>((resolve) => {
      if (limit.aborted) resolve('cut');
      limit.addEventListener('abort', () => resolve('cut'), { once: true });
    });
    if ((await Promise.race([worker.close(), cut])) === 'cut') {
      this.#options.log.warn('visits were dropped: other replicas repeat them');
    }
    this.#options.connections.disconnect();
  }

  async #process(job: Job<VisitData>, token: string | undefined): Promise<void> {
    const { clock, retryMs, log } = this.#options;
    let againAt = clock.now();
    this.#busy++;
    try {
      if ((await this.#visit(job)) === 'done') return;
    } catch (err) {
      log.warn({ err, data: job.data }, 'visit failed; it will be repeated');
      againAt += retryMs;
    } finally {
      this.#busy--;
      this.#lastBusyAt = performance.now();
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
