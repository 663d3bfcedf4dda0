import type { PlacedEvent } from '../calls/event.ts';
import type { RedisClient } from './connection.ts';
import { EVENTS_KEY, FORWARDING_KEY } from './keys.ts';
import { decodeEvent, type StreamEntry } from './stream-entry.ts';

export interface EventGroupOptions {
  /** Fails fast. */
  readonly redis: RedisClient;
  readonly replica: string;
  /** A replica that gives no sign for so long is succeeded by another, in ms. */
  readonly holdMs: number;
  /** The stream was trimmed before these were read: nobody is told of them. null: it is not known how many. */
  readonly onMissed: (count: number | null) => void;
}

const GROUP = 'webhooks';
const PIECE = 100;

/** As Redis 7 has it; before, what is deleted comes as an entry without fields. */
type Claimed = [
  cursor: string,
  entries: [id: string, fields: string[] | null][],
  deleted?: string[],
];

/**
 * A consumer group over the stream of events, of which one replica at a time
 * reads, so that the order is kept. What was taken and not acknowledged, by
 * whomever, is taken again first.
 */
export class StreamedEventGroup {
  readonly #options: EventGroupOptions;
  /** Where to go on claiming what was taken before; null when all that has been. */
  #claimFrom: string | null = '0-0';

  constructor(options: EventGroupOptions) {
    this.#options = options;
  }

  async hold(): Promise<boolean> {
    const { redis, replica, holdMs } = this.#options;
    const holds = (await redis.holdLock(FORWARDING_KEY, replica, Math.ceil(holdMs))) === 1;
    if (!holds) this.#claimFrom = '0-0';
    return holds;
  }

  async release(): Promise<void> {
    const { redis, replica } = this.#options;
    await redis.unlockSlot(FORWARDING_KEY, replica);
  }

  async take(): Promise<{ places: string[]; events: PlacedEvent[] }> {
    try {
      const entries = await this.#takeEntries();
      const events = entries.flatMap((entry) => {
        const event = decodeEvent(entry);
        return event ? [{ place: entry[0], event }] : [];
      });
      return { places: entries.map(([place]) => place), events };
    } catch (error) {
      // What was taken meanwhile is claimed, also where the answer was lost.
      this.#claimFrom = '0-0';
      if (!(error instanceof Error) || !error.message.startsWith('NOGROUP')) throw error;
      await this.#create();
      return this.take();
    }
  }

  async ack(places: readonly string[]): Promise<void> {
    await this.#options.redis.xack(EVENTS_KEY, GROUP, ...places);
  }

  async #takeEntries(): Promise<StreamEntry[]> {
    while (this.#claimFrom !== null) {
      const claimed = await this.#claim(this.#claimFrom);
      if (claimed.length > 0) return claimed;
    }
    const { redis, replica } = this.#options;
    await this.#lookForMissed();
    const reply = (await redis.xreadgroup(
      'GROUP',
      GROUP,
      replica,
      'COUNT',
      PIECE,
      'STREAMS',
      EVENTS_KEY,
      '>',
    )) as [key: string, entries: StreamEntry[]][] | null;
    return reply?.[0]?.[1] ?? [];
  }

  async #claim(from: string): Promise<StreamEntry[]> {
    const { redis, replica, onMissed } = this.#options;
    const args = [EVENTS_KEY, GROUP, replica, 0, from, 'COUNT', PIECE] as const;
    const [cursor, found, deleted = []] = (await redis.xautoclaim(...args)) as Claimed;
    this.#claimFrom = cursor === '0-0' ? null : cursor;
    const gone = found.filter(([, fields]) => fields === null).map(([place]) => place);
    if (gone.length > 0) await this.ack(gone);
    const missed = gone.length + deleted.length;
    if (missed > 0) onMissed(missed);
    return found.filter((entry): entry is StreamEntry => entry[1] !== null);
  }

  /** Whether the stream was trimmed beyond what the group has read. */
  async #lookForMissed(): Promise<void> {
    const { redis, onMissed } = this.#options;
    const [group] = ((await redis.xinfo('GROUPS', EVENTS_KEY)) as unknown[][])
      .map(asRecord)
      .filter(({ name }) => name === GROUP);
    const last = String(group?.['last-delivered-id'] ?? '0-0');
    const [first] = await redis.xrange(EVENTS_KEY, '-', '+', 'COUNT', 1);
    if (last === '0-0' || first === undefined || !isBefore(last, first[0])) return;
    // Those that have been read may have gone too, and only those.
    const info = asRecord((await redis.xinfo('STREAM', EVENTS_KEY)) as unknown[]);
    const trimmed = Number(info['entries-added']) - Number(info.length);
    const missed = trimmed - Number(group?.['entries-read'] ?? Number.NaN);
    if (Number.isNaN(missed)) onMissed(null);
    else if (missed > 0) onMissed(missed);
  }

  /** From the start: what is in the stream may have been written since the group was lost. */
  async #create(): Promise<void> {
    const { redis } = this.#options;
    await redis.xgroup('CREATE', EVENTS_KEY, GROUP, '0', 'MKSTREAM').catch((error: Error) => {
      if (!error.message.startsWith('BUSYGROUP')) throw error;
    });
  }
}

function asRecord(flat: readonly unknown[]): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (let i = 0; i < flat.length; i += 2) record[String(flat[i])] = flat[i + 1];
  return record;
}

function isBefore(a: string, b: string): boolean {
  const [aMs = 0, aN = 0] = a.split('-').map(Number);
  const [bMs = 0, bN = 0] = b.split('-').map(Number);
  return aMs < bMs || (aMs === bMs && aN < bN);
}
