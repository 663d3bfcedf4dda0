import { DelayedError, type Job, type Queue } from 'bullmq';
import type { Logger } from 'pino';
import { BullWorker, type WorkerConnections } from '../bull/bull-worker.ts';
import type { Random, SettledClock } from '../calls/ports.ts';
import { type Delivery, QUEUE_NAME } from './delivery-queue.ts';
import { HostLimit } from './host-limit.ts';
import type { DeliveryOrder, DeliveryOutcome } from './ports.ts';
import type { DeliveryResult, Sender } from './sender.ts';
import type { Targets } from './targets.ts';

export interface DelivererOptions {
  readonly connections: WorkerConnections;
  readonly queue: Queue<Delivery>;
  readonly prefix: string;
  readonly order: DeliveryOrder;
  readonly targets: Targets;
  readonly sender: Pick<Sender, 'send'>;
  readonly clock: SettledClock;
  readonly random: Random;
  /** After this silence of a replica, another one makes its deliveries. */
  readonly lockMs: number;
  readonly retry: DeliveryRetry;
  readonly log: Logger;
  readonly onAttempt: (outcome: DeliveryOutcome) => void;
}

export interface DeliveryRetry {
  readonly firstMs: number;
  readonly capMs: number;
  /** A delivery is given up this long after its event. */
  readonly forMs: number;
}

const CONCURRENCY = 64;
/** Concurrent deliveries to one host. */
const MOST_A_HOST = 16;
/** An event without a job in the queue after this time has lost its job. */
const LOST_AFTER_MS = 60_000;

/**
 * Makes the deliveries in the queue. Those of a call go one after the other, in the order of its
 * events.
 */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #hosts = new HostLimit(MOST_A_HOST);
  readonly #worker: BullWorker<Delivery>;

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#worker = new BullWorker<Delivery>({
      ...options,
      name: QUEUE_NAME,
      process: (job, token) => this.#process(job, token),
      settings: {
        concurrency: CONCURRENCY,
        // BullMQ would fail a job whose replica died, which is not the job's fault.
        maxStalledCount: 1_000_000,
        settings: { backoffStrategy: (attempts, _, failure) => this.#backOff(attempts, failure) },
      },
    });
  }

  start(): void {
    this.#worker.start();
  }

  /** Waits for deliveries in flight until the limit; another replica repeats the rest. */
  async stop(limit: AbortSignal): Promise<void> {
    await this.#worker.stop(limit);
  }

  isIdleFor(ms: number): boolean {
    return this.#worker.isIdleFor(ms);
  }

  async #process(job: Job<Delivery>, token: string | undefined): Promise<void> {
    const { order, targets, clock, retry } = this.#options;
    const { url, app, at } = job.data;
    const ageMs = clock.settledNow() - at;
    if (!(await this.#isItsTurn(job))) {
      // `#end` wakes the job when its turn comes; the delay is only for a missed wake-up.
      return delay(job, token, clamp(ageMs, 1_000, 300_000));
    }
    if (ageMs >= retry.forMs) return this.#end(job, 'given_up');
    if (targets.faultOf(url, app) !== null) return this.#end(job, 'refused');
    if (await order.isGone(url)) return this.#end(job, 'gone');
    const leave = this.#hosts.enter(new URL(url).host);
    if (leave === null) return delay(job, token, this.#busyMs(job));
    try {
      await this.#attempt(job);
    } finally {
      leave();
    }
  }

  async #attempt(job: Job<Delivery>): Promise<void> {
    const { order, onAttempt, log } = this.#options;
    const { url, callId } = job.data;
    const attempt = await this.#send(job.data);
    if (attempt.kind === 'delivered') return this.#end(job, 'delivered');
    if (attempt.kind === 'gone') {
      await order.markGone(url);
      log.warn({ call: callId, url: withoutQuery(url) }, 'a webhook says that it is gone');
      return this.#end(job, 'gone');
    }
    onAttempt('failed');
    const told = { call: callId, url: withoutQuery(url), reason: attempt.reason };
    log.warn({ ...told, attempts: job.attemptsMade + 1 }, 'a webhook did not take an event');
    throw new NotTaken(attempt); // BullMQ retries it after a back-off
  }

  async #send({ id, url, app, body }: Delivery): Promise<DeliveryResult> {
    const { sender, targets } = this.#options;
    try {
      return await sender.send({ id, url, body, secrets: await targets.secretsOf(app) });
    } catch (error) {
      const reason = `no secret to sign with: ${(error as Error).message}`;
      return { kind: 'failed', reason, retryAfterMs: null };
    }
  }

  async #isItsTurn(job: Job<Delivery>): Promise<boolean> {
    const { order, queue, clock } = this.#options;
    const { callId } = job.data;
    for (;;) {
      const first = await order.first(callId);
      if (first === null || first.jobId === job.id) return true;
      // A place in the future is old too: the clock of Redis was set back.
      const isOld = Math.abs(clock.now() - Number.parseInt(first.place, 10)) > LOST_AFTER_MS;
      if (!isOld || (await queue.getJob(first.jobId))) return false;
      await order.remove(callId, first.jobId);
    }
  }

  async #end(job: Job<Delivery>, outcome: DeliveryOutcome): Promise<void> {
    const { order, queue, onAttempt, log } = this.#options;
    const { callId, id } = job.data;
    onAttempt(outcome);
    if (outcome === 'given_up' || outcome === 'refused') {
      log.error(
        { call: callId, eventId: id, outcome },
        'an event was not delivered to its webhook',
      );
    }
    await order.remove(callId, job.id ?? '');
    const next = await order.first(callId);
    const waiting = next && (await queue.getJob(next.jobId));
    // A job that is not delayed needs no wake-up.
    if (waiting && (await waiting.isDelayed())) await waiting.promote().catch(() => undefined);
  }

  /** Longer each time its host was busy, because many deliveries may wait for that host. */
  #busyMs(job: Job<Delivery>): number {
    const doubled = 250 * 2 ** Math.min(job.attemptsStarted, 6);
    return doubled * (0.5 + this.#options.random());
  }

  /** Doubles up to the cap, with jitter; longer, up to the cap, if the receiver asks for it. */
  #backOff(attempts: number, failure: Error | undefined): number {
    const { retry, random } = this.#options;
    const fullMs = Math.min(retry.capMs, retry.firstMs * 2 ** Math.min(attempts - 1, 30));
    const askedMs = failure instanceof NotTaken ? (failure.retryAfterMs ?? 0) : 0;
    return Math.ceil(Math.max(fullMs * (0.5 + random() / 2), Math.min(askedMs, retry.capMs)));
  }
}

/** Why a receiver did not accept an event, and when to retry. */
class NotTaken extends Error {
  readonly retryAfterMs: number | null;

  constructor({ reason, retryAfterMs }: Extract<DeliveryResult, { kind: 'failed' }>) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

/** By this machine's clock, which BullMQ uses. */
async function delay(job: Job, token: string | undefined, ms: number): Promise<never> {
  await job.moveToDelayed(Date.now() + Math.ceil(ms), token);
  throw new DelayedError();
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** For the log, without the query, which may contain a secret. */
function withoutQuery(url: string): string {
  return url.split('?')[0] ?? '';
}
