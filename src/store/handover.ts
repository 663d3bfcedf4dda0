import type { PlacedEvent } from '../calls/event.ts';
import type { RedisClient } from './connection.ts';
import { FORWARDING_KEY, HANDOVER_KEY } from './keys.ts';
import { decodeEvent, isOfLaterVersion, type StreamEntry } from './stream-entry.ts';

export interface HandoverOptions {
  /** Fails fast. */
  readonly redis: RedisClient;
  readonly replica: string;
  /** If the holder is silent for this long, another replica takes over, in ms. */
  readonly holdMs: number;
}

const BATCH_SIZE = 100;

/**
 * The events that webhooks have to deliver. They stay in their own stream, which is not trimmed,
 * until they are in the queue of deliveries. One replica at a time takes them, so that their order
 * is kept.
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

  /**
   * The oldest events. It leaves what a later version of Callkeeper wrote to that version: if
   * nothing else is there, it releases the hold.
   */
  async take(): Promise<{ places: string[]; events: PlacedEvent[] }> {
    const { redis } = this.#options;
    let from = '-';
    let isAmidTheirs = false;
    for (;;) {
      const entries = await redis.xrange(HANDOVER_KEY, from, '+', 'COUNT', BATCH_SIZE);
      const ours = entries.filter((entry) => !isOfLaterVersion(entry));
      if (ours.length > 0) return { places: ours.map(([place]) => place), events: placed(ours) };
      isAmidTheirs ||= entries.length > 0;
      if (entries.length < BATCH_SIZE) {
        if (isAmidTheirs) await this.release();
        return { places: [], events: [] };
      }
      from = `(${entries.at(-1)?.[0]}`;
    }
  }

  async ack(places: readonly string[]): Promise<void> {
    await this.#options.redis.xdel(HANDOVER_KEY, ...places);
  }
}

function placed(entries: readonly StreamEntry[]): PlacedEvent[] {
  return entries.flatMap((entry) => {
    const event = decodeEvent(entry);
    return event ? [{ place: entry[0], event }] : [];
  });
}
