import type { Logger } from 'pino';
import { type Call, trackedCallOf } from '../calls/call.ts';
import type { OwnerRecord } from '../calls/owner.ts';
import type { Clock } from '../calls/ports.ts';
import type { RedisClient } from './connection.ts';
import type { StreamedEventLog } from './event-log.ts';
import { EVENTS_KEY } from './keys.ts';
import type { LocalRegistry } from './local-registry.ts';
import { decodeOwner } from './owner-codec.ts';
import { decodeRecord } from './record-codec.ts';
import { UnreadableError } from './stored-text.ts';
import { fieldOf, isOfOwner, type StreamEntry } from './stream-entry.ts';
import { compareStreamIds } from './stream-id.ts';

export interface EventFeedOptions {
  /** Fails fast. */
  readonly read: RedisClient;
  /** A separate connection, because its reads block. */
  readonly block: RedisClient;
  readonly local: Pick<LocalRegistry, 'drop' | 'get' | 'merge' | 'text'>;
  readonly owners: Pick<LocalRegistry<OwnerRecord>, 'drop' | 'merge'>;
  /** Gets all entries, for the readers of events. */
  readonly eventLog: Pick<StreamedEventLog, 'begin' | 'append'>;
  readonly clock: Clock;
  readonly blockMs: number;
  readonly log: Logger;
  /** Another replica has tracked the call, perhaps again. */
  readonly onTracked: (call: Call) => void;
  readonly onUnreadable: () => void;
}

/** Before any entry of the stream. */
const START = '0-0';

type StreamReply = [key: string, entries: StreamEntry[]][] | null;

/**
 * Keeps the local registry fresh: this replica learns within moments of every track, stop and
 * removal by another one. What it misses, for example while Redis is out, comes with the next sync
 * of the slot.
 */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #stopped = new AbortController();
  #after = START;
  #isReading = false;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /**
   * Follows the events from the newest one on. Call it again after Redis was out or has lost its
   * data, and read the slots after it has resolved. Rejects if Redis does not answer.
   */
  async follow(): Promise<void> {
    this.#after = await this.#newest();
    this.#options.eventLog.begin(this.#after);
    if (this.#isReading) return;
    this.#isReading = true;
    void this.#read();
  }

  /** Does not wait for a read in flight, which would never end while Redis is out. */
  stop(): void {
    this.#stopped.abort();
    this.#options.block.disconnect();
  }

  async #read(): Promise<void> {
    const { block, blockMs, eventLog, clock, log } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const from = this.#after;
        const args = ['COUNT', 500, 'BLOCK', blockMs, 'STREAMS', EVENTS_KEY, from] as const;
        const reply = (await block.xread(...args)) as StreamReply;
        const entries = reply?.[0]?.[1] ?? [];
        for (const [, fields] of entries) this.#learn(fields);
        // `follow` was called meanwhile.
        if (this.#after !== from) continue;
        this.#after = entries.at(-1)?.[0] ?? from;
        eventLog.append(entries);
        if (entries.length === 0) await this.#checkPlace(from);
      } catch (err) {
        if (signal.aborted) return;
        log.debug({ err }, 'events cannot be read');
        await clock.sleep(Math.min(1_000, blockMs), signal);
      }
    }
  }

  /**
   * If Redis lost the stream, the places of the new one may be lower, because its clock was ahead
   * before. Then the feed would wait for the old place, so it starts over.
   */
  async #checkPlace(from: string): Promise<void> {
    const newest = await this.#newest();
    if (this.#after !== from || newest === START || compareStreamIds(newest, from) >= 0) return;
    this.#after = START;
    this.#options.eventLog.begin(START);
  }

  /** The place of the newest entry. */
  async #newest(): Promise<string> {
    const [newest] = await this.#options.read.xrevrange(EVENTS_KEY, '+', '-', 'COUNT', 1);
    return newest?.[0] ?? START;
  }

  #learn(fields: readonly string[]): void {
    const { local, owners, onTracked, onUnreadable } = this.#options;
    const [id, text] = [fieldOf(fields, 'id'), fieldOf(fields, 'record')];
    try {
      if (isOfOwner(fields)) {
        owners.merge(decodeOwner(id, text));
        return;
      }
      if (text !== '' && text === local.text(id)) return; // this replica wrote it itself
      const known = local.get(id);
      const call = trackedCallOf(local.merge(decodeRecord(id, text)));
      const isNewTracking = call !== null && call.generation !== known.tracking?.generation;
      if (isNewTracking && fieldOf(fields, 'type') === 'tracked') onTracked(call);
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      // A later version of Callkeeper wrote it, so only replicas of that version keep it: see
      // Registry.
      if (error.newer) (isOfOwner(fields) ? owners : local).drop(id);
      onUnreadable();
    }
  }
}
