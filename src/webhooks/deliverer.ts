import { DelayedError, type Job, type Queue } from 'bullmq';
import type { Logger } from 'pino';
import { BullWorker, type WorkerConnections } from '../bull/bull-worker.ts';
import type { Random, SettledClock } from '../calls/ports.ts';
import { type Delivery, QUEUE_NAME } from './delivery-queue.ts';
import type { DeliveryOrder, DeliveryOutcome } from './ports.ts';
import type { Attempt, Sender } from './sender.ts';
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
  /** A delivery whose replica gave no sign of life for so long is made by another, in ms. */
  readonly lockMs: number;
  readonly retry: DeliveryRetry;
  readonly log: Logger;
  readonly onAttempt: (outcome: DeliveryOutcome) => void;
}

/** In ms. */
export interface DeliveryRetry {
  readonly firstMs: number;
  readonly capMs: number;
  /** After so long from the event on it is given up. */
  readonly forMs: number;
}

const CONCURRENCY = 64;
/** So many at once to one host, so that one that hangs leaves room for the others. */
const MOST_A_HOST = 16;
/** A job whose turn it is stands in the queue before this; else it was lost. */
const LOST_AFTER_MS = 60_000;

/** Makes the deliveries in the queue: of a call one after the other, in the order of its events. */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #underWay = new Map<string, number>();
  readonly #worker: BullWorker<Delivery>;

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#worker = new BullWorker<Delivery>({
      ...options,
      name: QUEUE_NAME,
      process: (job, token) => this.#process(job, token),
      settings: {
        concurrency: CONCURRENCY,
        // A replica that dies says nothing against what it was delivering.
        maxStalledCount: 1_000_000,
        settings: { backoffStrategy: (attempts, _, failure) => this.#backOff(attempts, failure) },
      },
    });
  }

  start(): void {
    this.#worker.start();
  }

  /** Waits for deliveries under way until the limit; another replica repeats those that are cut off. */
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
      // Woken when its turn comes; this is for when that is missed.
      return delay(job, token, clamp(ageMs, 1_000, 300_000));
    }
    if (ageMs >= retry.forMs) return this.#end(job, 'given_up');
    if (targets.faultOf(url, app) !== null) return this.#end(job, 'refused');
    if (await order.isGone(url)) return this.#end(job, 'gone');
    const leave = this.#enter(new URL(url).host);
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
    throw new NotTaken(attempt); // BullMQ repeats it after a back-off
  }

  async #send({ id, url, app, body }: Delivery): Promise<Attempt> {
    const { sender, targets } = this.#options;
    try {
      return await sender.send({ id, url, body, secrets: await targets.secretsOf(app) });
    } catch (error) {
      const reason = `no secret to sign with: ${(error as Error).message}`;
      return { kind: 'failed', reason, retryAfterMs: null };
    }
  }

  /** Nothing of its call that came before is left to deliver. */
  async #isItsTurn(job: Job<Delivery>): Promise<boolean> {
    const { order, queue, clock } = this.#options;
    const { callId } = job.data;
    for (;;) {
      const first = await order.first(callId);
      if (first === null || first.jobId === job.id) return true;
      // A place in the future is old too: Redis's clock was set back since.
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
      log.error({ call: callId, eventId: id, outcome }, 'a webhook was not told of an event');
    }
    await order.remove(callId, job.id ?? '');
    const next = await order.first(callId);
    const waiting = next && (await queue.getJob(next.jobId));
    // Where it is not delayed any more, it is on its way.
    if (waiting && (await waiting.isDelayed())) await waiting.promote().catch(() => undefined);
  }

  #enter(host: string): (() => void) | null {
    const here = this.#underWay.get(host) ?? 0;
    if (here >= MOST_A_HOST) return null;
    this.#underWay.set(host, here + 1);
    return () => {
      const left = (this.#underWay.get(host) ?? 1) - 1;
      if (left > 0) this.#underWay.set(host, left);
      else this.#underWay.delete(host);
    };
  }

  /** The more often it found its host busy, the longer: many may wait for the same. */
  #busyMs(job: Job<Delivery>): number {
    const doubled = 250 * 2 ** Math.min(job.attemptsStarted, 6);
    return doubled * (0.5 + this.#options.random());
  }

  /** Doubles up to the cap; between half of it and all. Later, up to the cap, where the receiver asks for it. */
  #backOff(attempts: number, failure: Error | undefined): number {
    const { retry, random } = this.#options;
    const fullMs = Math.min(retry.capMs, retry.firstMs * 2 ** Math.min(attempts - 1, 30));
    const askedMs = failure instanceof NotTaken ? (failure.retryAfterMs ?? 0) : 0;
    return Math.ceil(Math.max(fullMs * (0.5 + random() / 2), Math.min(askedMs, retry.capMs)));
  }
}

/** Why a receiver did not take an event, and when it may be asked again. */
class NotTaken extends Error {
  readonly retryAfterMs: number | null;

  constructor({ reason, retryAfterMs }: Extract<Attempt, { kind: 'failed' }>) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

/** By this machine's clock, as BullMQ goes by it. */
async function delay(job: Job, token: string | undefined, ms: number): Promise<never> {
  await job.moveToDelayed(Date.now() + Math.ceil(ms), token);
  throw new DelayedError();
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** For the log: a query may hold a secret. */
function withoutQuery(url: string): string {
  return url.split('?')[0] ?? '';
}
