import type { PlacedEvent } from '../calls/event.ts';
import type { RedisClient } from './connection.ts';
import { FORWARDING_KEY, HANDOVER_KEY, WEBHOOKS_ON_KEY } from './keys.ts';
import { decodeEvent, isOfLaterVersion, type StreamEntry } from './stream-entry.ts';

export interface HandoverOptions {
  readonly redis: RedisClient;
  readonly replica: string;
  /** If the holder is silent for this long, another replica takes over, in ms. */
  readonly holdMs: number;
}

const BATCH_SIZE = 100;
/** As long as a delivery is retried: an event that waited longer would be given up. */
const ON_S = 24 * 60 * 60;

/**
 * The events for webhooks. They stay in a stream that is not trimmed until they are in the queue of
 * deliveries. One replica at a time moves them, so that they keep their order.
 */
export class Handover {
  readonly #options: HandoverOptions;

  constructor(options: HandoverOptions) {
    this.#options = options;
  }

  /**
   * If webhooks were off until now, discards the events from before. Call it once.
   *
   * @param startedAt since when this replica has webhooks, by `performance.now()`
   */
  async begin(startedAt: number): Promise<void> {
    const { redis } = this.#options;
    if ((await redis.exists(WEBHOOKS_ON_KEY)) === 0) {
      const [seconds, micros] = (await redis.time()).map(Number) as [number, number];
      // Measured after the answer, so rather too early than too late.
      const sinceMs = Math.ceil(performance.now() - startedAt);
      const onAt = seconds * 1_000 + Math.floor(micros / 1_000) - sinceMs;
      await redis.xtrim(HANDOVER_KEY, 'MINID', onAt);
    }
    await this.#markOn();
  }

  async hold(): Promise<boolean> {
    const { redis, replica, holdMs } = this.#options;
    if ((await redis.holdLock(FORWARDING_KEY, replica, Math.ceil(holdMs))) !== 1) return false;
    await this.#markOn();
    return true;
  }

  async release(): Promise<void> {
    const { redis, replica } = this.#options;
    await redis.releaseLock(FORWARDING_KEY, replica);
  }

  /**
   * The oldest events, except those that a later version of Callkeeper wrote: if there are no
   * others, it releases the hold, so that a replica of that version can move them.
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

  async #markOn(): Promise<void> {
    await this.#options.redis.set(WEBHOOKS_ON_KEY, '1', 'EX', ON_S);
  }
}

function placed(entries: readonly StreamEntry[]): PlacedEvent[] {
  return entries.flatMap((entry) => {
    const event = decodeEvent(entry);
    return event ? [{ place: entry[0], event }] : [];
  });
}
