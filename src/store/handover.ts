import type { PlacedEvent } from '../calls/event.ts';
import type { RedisClient } from './connection.ts';
import { FORWARDING_KEY, HANDOVER_KEY } from './keys.ts';
import { decodeEvent } from './stream-entry.ts';

export interface HandoverOptions {
  /** Fails fast. */
  readonly redis: RedisClient;
  readonly replica: string;
  /** A replica that gives no sign for so long is succeeded by another, in ms. */
  readonly holdMs: number;
}

/** Events that are taken at once. */
const BATCH_SIZE = 100;

/**
 * The events that webhooks have to deliver. They stay in a stream of their own until they stand
 * in the queue of deliveries; the trimming of the stream of events does not touch them. One
 * replica at a time takes them, so that their order is kept.
 */
export class Handover {
  readonly #options: HandoverOptions;

  constructor(options: HandoverOptions) {
    this.#options = options;
  }

  async hold(): Promise<boolean> {
    const { redis, replica, holdMs } = this.#options;
    return (await redis.holdLock(FORWARDING_KEY, replica, Math.ceil(holdMs))) === 1;
  }

  async release(): Promise<void> {
    const { redis, replica } = this.#options;
    await redis.unlockSlot(FORWARDING_KEY, replica);
  }

  async take(): Promise<{ places: string[]; events: PlacedEvent[] }> {
    const { redis } = this.#options;
    const entries = await redis.xrange(HANDOVER_KEY, '-', '+', 'COUNT', BATCH_SIZE);
    const events = entries.flatMap((entry) => {
      const event = decodeEvent(entry);
      return event ? [{ place: entry[0], event }] : [];
    });
    return { places: entries.map(([place]) => place), events };
  }

  async ack(places: readonly string[]): Promise<void> {
    await this.#options.redis.xdel(HANDOVER_KEY, ...places);
  }
}
