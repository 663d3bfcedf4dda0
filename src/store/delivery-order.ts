import { createHash } from 'node:crypto';
import type { RedisClient } from './connection.ts';
import { deliveriesKey, goneUrlKey } from './keys.ts';
import { parseStreamId } from './stream-id.ts';

interface Item {
  readonly callId: string;
  readonly jobId: string;
  /** In the stream of events. */
  readonly place: string;
}

/** Longer than the time limit of a delivery, which is a day. */
const KEPT_S = 25 * 60 * 60;
/** A receiver that answered 410 gets nothing for this long; then it may have come back. */
const GONE_S = 24 * 60 * 60;

/** The webhook deliveries of each call, in the order of its events. */
export class RedisDeliveryOrder {
  readonly #redis: RedisClient;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  async append(items: readonly Item[]): Promise<void> {
    for (const { callId, jobId, place } of items) {
      const key = deliveriesKey(callId);
      await Promise.all([
        this.#redis.zadd(key, 'NX', scoreOf(place), `${sortable(place)} ${jobId}`),
        this.#redis.expire(key, KEPT_S),
      ]);
    }
  }

  async first(callId: string): Promise<Item | null> {
    const [member] = await this.#redis.zrange(deliveriesKey(callId), '0', '0');
    if (member === undefined) return null;
    const [place = '', jobId = ''] = member.split(' ');
    return { callId, jobId, place };
  }

  /** Also removes repeats of the event, which have their own places. */
  async remove(callId: string, jobId: string): Promise<void> {
    const key = deliveriesKey(callId);
    const members = await this.#redis.zrange(key, '0', '-1');
    const its = members.filter((member) => member.endsWith(` ${jobId}`));
    if (its.length > 0) await this.#redis.zrem(key, ...its);
  }

  async markGone(url: string): Promise<void> {
    await this.#redis.set(goneUrlKey(digest(url)), '1', 'EX', GONE_S);
  }

  async isGone(url: string): Promise<boolean> {
    return (await this.#redis.exists(goneUrlKey(digest(url)))) === 1;
  }
}

/** Redis sorts members with the same score as text. */
function sortable(place: string): string {
  const [ms, n] = parseStreamId(place);
  return `${ms}-${String(n).padStart(9, '0')}`;
}

/**
 * Sorts in the order of places. If Redis's clock was set back, one ms has more than a thousand
 * places: the stream goes on counting in the last ms that it has seen.
 */
function scoreOf(place: string): number {
  const [ms, n] = parseStreamId(place);
  return ms * 1_000 + Math.min(n, 999);
}

function digest(url: string): string {
  return createHash('sha256').update(url).digest('base64url');
}
