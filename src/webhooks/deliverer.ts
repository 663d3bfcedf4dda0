import { DelayedError, type Job, type Queue } from 'bullmq';
import type { Logger } from 'pino';
import { BullWorker, type WorkerConnections } from '../bull/bull-worker.ts';
import type { Random, SettledClock } from '../calls/ports.ts';
import { backOffMs, type DeliveryRetry, NotDelivered } from './back-off.ts';
import { type Delivery, QUEUE_NAME } from './delivery-queue.ts';
import { HostLimit } from './host-limit.ts';
import type { DeliveryOrder, DeliveryOutcome } from './ports.ts';
import type { DeliveryResult, Sender } from './sender.ts';
import { type Targets, type Webhook, withoutQuery } from './targets.ts';

export interface DelivererOptions {
  readonly connections: WorkerConnections;
  readonly queue: Queue<Delivery>;
  readonly prefix: string;
  readonly order: DeliveryOrder;
  readonly targets: Pick<Targets, 'of'>;
  readonly sender: Pick<Sender, 'send'>;
  readonly clock: SettledClock;
  readonly random: Random;
  /** After this silence of a replica, another one makes its deliveries. */
  readonly lockMs: number;
  readonly retry: DeliveryRetry;
  readonly log: Logger;
  readonly onAttempt: (outcome: DeliveryOutcome) => void;
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
        settings: {
          backoffStrategy: (attempts, _, failure) =>
            backOffMs(attempts, failure, options.retry, options.random),
        },
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
    const ageMs = clock.settledNow() - job.data.at;
    if (!(await this.#isItsTurn(job))) return this.#awaitTurn(job, token, ageMs);
    if (ageMs >= retry.forMs) return this.#end(job, 'given_up');
    const target = targets.of(job.data);
    if ('fault' in target) return this.#fail(job, { url: null, reason: target.fault });
    if (await order.isGone(target.url)) return this.#end(job, 'gone');
    const leave = this.#hosts.enter(new URL(target.url).host);
    if (leave === null) {
      await delay(job, token, this.#busyMs(job));
      throw new DelayedError();
    }
    try {
      await this.#attempt(job, target);
    } finally {
      leave();
    }
  }

  async #attempt(job: Job<Delivery>, webhook: Webhook): Promise<void> {
    const { order, log } = this.#options;
    const url = withoutQuery(webhook.url);
    const attempt = await this.#send(job.data, webhook);
    if (attempt.kind === 'delivered') return this.#end(job, 'delivered');
    if (attempt.kind === 'gone') {
      await order.markGone(webhook.url);
      log.warn({ call: job.data.callId, url }, 'a webhook says that it is gone');
      return this.#end(job, 'gone');
    }
    this.#fail(job, { url, ...attempt });
  }

  async #send({ id, body }: Delivery, { url, secrets }: Webhook): Promise<DeliveryResult> {
    try {
      return await this.#options.sender.send({ id, url, body, secrets: await secrets() });
    } catch (error) {
      const reason = `no secret to sign with: ${(error as Error).message}`;
      return { kind: 'failed', reason, retryAfterMs: null };
    }
  }

  /** @throws NotDelivered: BullMQ retries the job after a back-off */
  #fail({ data, attemptsMade }: Job<Delivery>, { url, reason, retryAfterMs }: Failure): never {
    const { onAttempt, log } = this.#options;
    onAttempt('failed');
    const failure = new NotDelivered(reason, retryAfterMs ?? null);
    const told = { call: data.callId, url, reason: failure.message, attempts: attemptsMade + 1 };
    log.warn(told, 'an event is not delivered to its webhook yet');
    throw failure;
  }

  /** `#end` wakes the job when its turn comes. The delay is in case its replica dies before. */
  async #awaitTurn(job: Job<Delivery>, token: string | undefined, ageMs: number): Promise<never> {
    await delay(job, token, clamp(ageMs, 1_000, 300_000));
    // Its turn may have come before it was delayed, and `#end` wakes only delayed jobs.
    if (await this.#isItsTurn(job)) await wake(job);
    throw new DelayedError();
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
    if (outcome === 'given_up') {
      log.error({ call: callId, eventId: id }, 'an event was not delivered to its webhook');
    }
    await order.remove(callId, job.id ?? '');
    const next = await order.first(callId);
    const waiting = next && (await queue.getJob(next.jobId));
    if (waiting) await wake(waiting);
  }

  /** Longer each time its host was busy, because many deliveries may wait for that host. */
  #busyMs(job: Job<Delivery>): number {
    const doubled = 250 * 2 ** Math.min(job.attemptsStarted, 6);
    return doubled * (0.5 + this.#options.random());
  }
}

/** `url`: null if there is none to post to. */
interface Failure {
  readonly url: string | null;
  readonly reason: string;
  readonly retryAfterMs?: number | null;
}

/** By this machine's clock, which BullMQ uses. */
async function delay(job: Job, token: string | undefined, ms: number): Promise<void> {
  await job.moveToDelayed(Date.now() + Math.ceil(ms), token);
}

async function wake(job: Job): Promise<void> {
  await job.promote().catch(() => undefined); // it is not delayed
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
