import { performance } from 'node:perf_hooks';
import type { Queue } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { WorkerConnections } from '../bull/bull-worker.ts';
import { whenReady } from '../bull/open-queue.ts';
import { Deliverer, type DelivererOptions } from './deliverer.ts';
import { type Delivery, hasUntaken, openQueue } from './delivery-queue.ts';
import { Forwarder, type ForwarderOptions } from './forwarder.ts';
import { Sender, type SenderOptions } from './sender.ts';

export type WebhooksOptions = Omit<ForwarderOptions, 'queue' | 'startedAt'> &
  Omit<DelivererOptions, 'queue' | 'sender' | 'connections'> &
  SenderOptions & {
    /** For the queue, which does not close it. It fails fast. */
    readonly redis: Redis | Cluster;
    readonly connectWorker: () => WorkerConnections;
    readonly isUp: () => boolean;
  };

/** How long deliveries in flight may take when the replica stops, in ms. */
const STOP_MS = 3_000;
const LOOK_MS = 500;

/**
 * Posts events to webhooks. Redis stores an event in the same step as the change. One replica at a
 * time moves events from the stream into a BullMQ queue; any replica delivers them.
 */
export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #sender: Sender;
  readonly #stopped = new AbortController();
  readonly #startedAt = performance.now();
  #running: Promise<void> = Promise.resolve();
  #queue: Queue<Delivery> | null = null;
  #forwarder: Forwarder | null = null;
  #deliverer: Deliverer | null = null;
  /** When the queue was last checked for deliveries that no worker takes; monotonic. */
  #countedAt = 0;

  constructor(options: WebhooksOptions) {
    this.#options = options;
    this.#sender = new Sender(options);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(limit: AbortSignal): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    const within = AbortSignal.any([limit, AbortSignal.timeout(STOP_MS)]);
    await Promise.all([this.#forwarder?.stop(), this.#deliverer?.stop(within)]);
    await this.#sender.destroy();
    await this.#queue?.close().catch(() => undefined); // Redis is out
  }

  /**
   * Delivers while Redis serves, with a new worker after each outage: an old one may wait for ever.
   */
  async #run(): Promise<void> {
    const { isUp, clock, log } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        if (isUp() && this.#deliverer === null) await this.#open();
        if (!isUp() && this.#deliverer !== null) await this.#suspend(this.#deliverer);
        if (isUp() && this.#deliverer !== null) await this.#replaceIfUnresponsive(this.#deliverer);
      } catch (err) {
        log.debug({ err }, 'cannot deliver to webhooks yet');
      }
      await clock.sleep(LOOK_MS, signal);
    }
  }

  async #open(): Promise<void> {
    const { redis, prefix, log } = this.#options;
    this.#queue ??= await whenReady(openQueue(redis, prefix), log);
    const shared = { queue: this.#queue, sender: this.#sender, startedAt: this.#startedAt };
    const parts = { ...this.#options, ...shared };
    if (this.#forwarder === null) {
      this.#forwarder = new Forwarder(parts);
      this.#forwarder.start();
    }
    this.#deliverer = new Deliverer({ ...parts, connections: this.#options.connectWorker() });
    this.#deliverer.start();
  }

  /** After a failover of Redis a worker may wait for ever although there are deliveries. */
  async #replaceIfUnresponsive(deliverer: Deliverer): Promise<void> {
    const { redis, lockMs, log } = this.#options;
    const now = performance.now();
    if (now - this.#countedAt < 2 * lockMs || !deliverer.isIdleFor(2 * lockMs)) return;
    this.#countedAt = now;
    if (this.#queue === null || !(await hasUntaken(this.#queue, redis, lockMs))) return;
    log.warn('replacing a webhook worker: it takes no deliveries');
    await this.#suspend(deliverer);
    await this.#open();
  }

  async #suspend(deliverer: Deliverer): Promise<void> {
    this.#deliverer = null;
    await deliverer.stop(AbortSignal.timeout(STOP_MS));
  }
}
