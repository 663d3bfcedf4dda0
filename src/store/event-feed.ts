import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Clock } from '../calls/ports.ts';
import { decodeCall, decodeGoneCall, UnreadableError } from './codec.ts';
import { EVENTS_KEY } from './keys.ts';
import type { Roster } from './roster.ts';

export interface EventFeedOptions {
  /** Of its own: it blocks. */
  readonly redis: Redis;
  readonly roster: Roster;
  readonly clock: Clock;
  readonly blockMs: number;
  readonly log: Logger;
  readonly onUnreadable: () => void;
}

type StreamReply = [key: string, entries: [id: string, fields: string[]][]][] | null;

/**
 * Keeps the roster fresh: what any replica tracks, stops or takes off the
 * schedule is here within moments. What is missed all the same, as while Redis
 * was away, comes with the next read of the slot.
 */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #stopped = new AbortController();
  #after = '0-0';
  #reading: Promise<void> | null = null;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /** Begins after the newest event; read the slots after this has resolved. */
  async start(): Promise<void> {
    const { redis } = this.#options;
    const [newest] = await redis.xrevrange(EVENTS_KEY, '+', '-', 'COUNT', 1);
    this.#after = newest?.[0] ?? '0-0';
    this.#reading ??= this.#read();
  }

  /** After Redis lost its data its events begin anew. */
  rewind(): void {
    this.#after = '0-0';
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#options.redis.disconnect();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { redis, blockMs, clock, log } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const from = this.#after;
        const args = ['COUNT', 500, 'BLOCK', blockMs, 'STREAMS', EVENTS_KEY, from] as const;
        const reply = (await redis.xread(...args)) as StreamReply;
        const entries = reply?.[0]?.[1] ?? [];
        for (const [, fields] of entries) this.#apply(fields);
        if (this.#after === from) this.#after = entries.at(-1)?.[0] ?? from;
      } catch (err) {
        if (signal.aborted) return;
        log.debug({ err }, 'events cannot be read');
        await clock.sleep(Math.min(1_000, blockMs), signal);
      }
    }
  }

  #apply(fields: readonly string[]): void {
    const { roster, onUnreadable } = this.#options;
    const field = (name: string) => fields[fields.indexOf(name) + 1] ?? '';
    const id = field('id');
    try {
      const known = roster.peek(id)?.call;
      if (field('type') === 'track') {
        const call = decodeCall(id, field('call'));
        // The echo of what stands here must not undo what has happened to it since.
        if (known?.registration !== call.registration) roster.put(call);
      } else {
        const gone = decodeGoneCall(id, field('call'));
        if (known?.registration === gone.registration) roster.remove(gone);
      }
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      onUnreadable();
    }
  }
}
