import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type Clock, type FirstKeepAlives, StoreUnavailableError } from '../calls/ports.ts';
import type { Visitor } from '../calls/visitor.ts';
import { slotOf, type Wheel } from '../calls/wheel.ts';
import { Schedulers } from './schedulers.ts';
import { openQueue, type VisitData } from './wheel-queue.ts';
import { WheelWorker } from './wheel-worker.ts';

export interface ScheduleOptions {
  /** Fails fast; for what the API and the look over the schedulers ask. */
  readonly redis: Redis;
  /** A new connection that waits for Redis without limit, for a worker to have to itself. */
  readonly connectWorker: () => Redis;
  readonly prefix: string;
  readonly wheel: Wheel;
  readonly visitor: Visitor;
  readonly clock: Clock;
  readonly lookOverMs: number;
  readonly turnGraceMs: number;
  readonly lockMs: number;
  readonly visitRetryMs: number;
  readonly log: Logger;
  readonly onRepair: (ailment: string) => void;
}

/**
 * The wheel as BullMQ turns it: a scheduler a slot, a worker that makes the
 * visits, and the look over the schedulers that keeps them right. To be started
 * once Redis is there; goes on by itself through its absences.
 */
export class Schedule implements FirstKeepAlives {
  readonly #options: ScheduleOptions;
  readonly #stopped = new AbortController();
  #queue: Queue<VisitData> | null = null;
  #worker: WheelWorker | null = null;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#worker?.running ?? false;
  }

  start(): void {
    if (this.#queue || this.#stopped.signal.aborted) return;
    const { redis, prefix, wheel, turnGraceMs, log } = this.#options;
    this.#queue = openQueue(redis, prefix);
    this.#queue.on('error', (err) => log.debug({ err }, 'queue'));
    const schedulers = new Schedulers({
      ...this.#options,
      queue: this.#queue,
      wheel,
      graceMs: turnGraceMs,
    });
    this.#looking = this.#lookOver(schedulers);
    this.#worker = new WheelWorker({
      ...this.#options,
      connection: this.#options.connectWorker(),
      retryMs: this.#options.visitRetryMs,
    });
    this.#worker.start();
  }

  /** Hands unfinished visits to other replicas; cut off when `limit` aborts. */
  async stop(limit: AbortSignal): Promise<void> {
    this.#stopped.abort();
    await this.#worker?.stop(limit);
    await this.#looking;
    await this.#queue?.close();
  }

  /** One job a slot; rejects with `StoreUnavailableError` where Redis does not take it. */
  async request(ids: readonly string[]): Promise<void> {
    const queue = this.#queue;
    if (!queue) throw new StoreUnavailableError('the schedule waits for Redis');
    const bySlot = Map.groupBy(ids, (id) => slotOf(id, this.#options.wheel));
    try {
      await queue.addBulk(
        [...bySlot].map(([slot, group]) => ({ name: 'first', data: { slot, ids: group } })),
      );
    } catch (cause) {
      throw new StoreUnavailableError('Redis did not take the first keepAlives', { cause });
    }
  }

  async #lookOver(schedulers: Schedulers): Promise<void> {
    const { clock, lookOverMs, log } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await schedulers
        .lookOver()
        .catch((err) => log.debug({ err }, 'no look over the schedulers: Redis does not answer'));
      await clock.sleep(lookOverMs, signal);
    }
  }
}
