import type { Queue } from 'bullmq';
import type { Logger } from 'pino';
import type { EventType, PublishedEvent } from '../calls/event.ts';
import { ownerOf } from '../calls/owner.ts';
import type { Clock } from '../calls/ports.ts';
import { type Delivery, jobIdOf } from './delivery-queue.ts';
import type { DeliveryOrder, EventGroup } from './ports.ts';
import type { Targets } from './targets.ts';

export interface ForwarderOptions {
  readonly group: EventGroup;
  readonly order: DeliveryOrder;
  readonly queue: Pick<Queue<Delivery>, 'addBulk'>;
  readonly targets: Pick<Targets, 'hasWebhook'>;
  /** The body for a receiver. */
  readonly render: (event: PublishedEvent) => string;
  /** Resolves when events have come, or the signal aborts. */
  readonly changed: (signal: AbortSignal) => Promise<void>;
  readonly isUp: () => boolean;
  /** When this replica switched webhooks on; monotonic. */
  readonly startedAt: number;
  /** How often it checks without being notified: another replica may have died. */
  readonly lookMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Not `tracked`: the bot knows that, because it tracked the call itself. */
const FORWARDED: ReadonlySet<EventType> = new Set([
  'ended',
  'expired',
  'untracked',
  'at-risk',
  'recovered',
  'owner.lapsed',
  'owner.renewed',
]);

/**
 * Moves events with a webhook into the queue of deliveries, then acknowledges them. If a replica
 * dies in between, the next one takes the same events again; the queue stores each only once.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #hasBegun = false;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.#options.group.release().catch(() => undefined); // it expires
  }

  async #run(): Promise<void> {
    const { changed, lookMs, isUp, log } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      // Before the check, so that it does not miss what comes during it.
      const next = changed(AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(lookMs))]));
      try {
        if (isUp()) await this.#forward();
      } catch (err) {
        log.debug({ err }, 'events cannot be forwarded to webhooks now');
      }
      await next;
    }
  }

  async #forward(): Promise<void> {
    const { group, order, queue, startedAt } = this.#options;
    if (!this.#hasBegun) await group.begin(startedAt);
    this.#hasBegun = true;
    while (!this.#stopped.signal.aborted && (await group.hold())) {
      const { places, events } = await group.take();
      if (places.length === 0) return;
      const found = events.flatMap(({ place, event }) => {
        const delivery = this.#delivery(event);
        return delivery ? [{ place, delivery }] : [];
      });
      if (found.length > 0) {
        await order.append(
          found.map(({ place, delivery: { id, callId } }) => ({
            callId,
            jobId: jobIdOf(id),
            place,
          })),
        );
        await queue.addBulk(
          found.map(({ delivery }) => ({
            name: 'deliver',
            data: delivery,
            opts: { jobId: jobIdOf(delivery.id) },
          })),
        );
      }
      await group.ack(places);
    }
  }

  #delivery(event: PublishedEvent): Delivery | null {
    const { targets, render } = this.#options;
    const about = 'call' in event ? event.call : { ...ownerOf(event.owner.id), webhookUrl: null };
    if (!FORWARDED.has(event.type) || !targets.hasWebhook(about)) return null;
    const { app, webhookUrl } = about;
    const { id, at } = event;
    const callId = 'call' in event ? event.call.id : event.owner.id;
    return { id, callId, app, webhookUrl, body: render(event), at };
  }
}
