import type { EventBatch, EventGap, EventLog, EventReader, PlacedEvent } from '../calls/event.ts';
import { type Clock, StoreUnavailableError } from '../calls/ports.ts';
import type { RedisClient } from './connection.ts';
import { EVENTS_KEY } from './keys.ts';
import { decodeEvent, type StreamEntry } from './stream-entry.ts';
import { compareStreamIds } from './stream-id.ts';

export interface EventLogOptions {
  readonly redis: RedisClient;
  readonly clock: Clock;
  /** The most events in memory, for readers that are up to date. */
  readonly recent?: number;
}

/** The most events that a reader gets at once: they wait in memory for a slow client. */
const BATCH_SIZE = 50;
/** Pause between two attempts to read from a Redis that does not answer, in ms. */
const RETRY_MS = 500;
const START = '0-0';

/** An entry of the stream, decoded when its first reader takes it: often there is no reader. */
class Recent {
  readonly place: string;
  #entry: StreamEntry | null;
  #placed: PlacedEvent | null = null;

  constructor(entry: StreamEntry) {
    this.place = entry[0];
    this.#entry = entry;
  }

  /** null if the entry cannot be read. */
  get placed(): PlacedEvent | null {
    if (this.#entry !== null) {
      const event = decodeEvent(this.#entry);
      this.#placed = event && { place: this.place, event };
      this.#entry = null;
    }
    return this.#placed;
  }
}

/**
 * The event stream for any number of readers. Only the feed of this replica waits for the stream,
 * and appends what it reads here. Readers that are up to date get events from memory; those that
 * are behind read the stream in batches. The log keeps only the place of a reader, so a slow one
 * costs nothing. If a reader is so slow that the stream was trimmed before its place, it gets a
 * gap.
 */
export class StreamedEventLog implements EventLog {
  readonly #options: EventLogOptions;
  readonly #waiting = new Set<() => void>();
  /** All entries of the stream after {@link #from}, oldest first. */
  #recent: Recent[] = [];
  #from: string | null = null;
  #generation = 0;

  constructor(options: EventLogOptions) {
    this.#options = options;
  }

  /** Changes when Redis may have lost the stream: readers then look for their place again. */
  get generation(): number {
    return this.#generation;
  }

  /** The feed follows from this place on; called again after Redis was out. */
  begin(place: string): void {
    this.#from = place;
    this.#recent = [];
    this.#generation++;
    this.#wake();
  }

  append(entries: readonly StreamEntry[]): void {
    if (this.#from === null || entries.length === 0) return;
    for (const entry of entries) this.#recent.push(new Recent(entry));
    const surplus = this.#recent.length - (this.#options.recent ?? 1_000);
    if (surplus > 0) this.#from = this.#recent.splice(0, surplus).at(-1)?.place ?? this.#from;
    this.#wake();
  }

  readAfter(place: string | null): EventReader {
    if (place !== null) return new Reader(this, this.#options, place, null);
    const now = this.#recent.at(-1)?.place ?? this.#from;
    if (now === null) throw new StoreUnavailableError('the stream of events was never reached');
    return new Reader(this, this.#options, now, this.#generation);
  }

  /** The first events after a place; null if not all of them are in memory. */
  after(place: string): readonly Recent[] | null {
    if (this.#from === null || compareStreamIds(place, this.#from) < 0) return null;
    let first = this.#recent.length;
    while (first > 0 && compareStreamIds(this.#recent[first - 1]?.place ?? START, place) > 0)
      first--;
    return this.#recent.slice(first, first + BATCH_SIZE);
  }

  /** Resolves when entries come or `begin` is called, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

class Reader implements EventReader {
  readonly #log: StreamedEventLog;
  readonly #options: EventLogOptions;
  #place: string;
  /** The generation of the log in which the place was found; null before it was looked for. */
  #generation: number | null;

  constructor(
    log: StreamedEventLog,
    options: EventLogOptions,
    place: string,
    generation: number | null,
  ) {
    this.#log = log;
    this.#options = options;
    this.#place = place;
    this.#generation = generation;
  }

  get place(): string {
    return this.#place;
  }

  async next(signal: AbortSignal): Promise<EventBatch | null> {
    while (!signal.aborted) {
      const recent = this.#recent();
      if (recent === null) {
        const batch = await this.#fromStream();
        if (batch !== null) return batch;
        if (this.#recent() === null) await this.#options.clock.sleep(RETRY_MS, signal);
      } else if (recent.length > 0) {
        return this.#advance(null, recent);
      } else {
        await this.#log.changed(signal);
      }
    }
    return null;
  }

  #recent(): readonly Recent[] | null {
    return this.#generation === this.#log.generation ? this.#log.after(this.#place) : null;
  }

  /** null if there is nothing new, or no answer. */
  async #fromStream(): Promise<EventBatch | null> {
    const { redis } = this.#options;
    const { generation } = this.#log;
    const isAsked = this.#generation === null;
    let entries: StreamEntry[];
    let gap: EventGap | null = null;
    try {
      // Includes the place itself: if it is still there, nothing is missing after it.
      entries = await redis.xrange(EVENTS_KEY, this.#place, '+', 'COUNT', BATCH_SIZE + 1);
      if (entries[0]?.[0] === this.#place) {
        entries.shift();
      } else if (this.#place !== START || (isAsked && entries.length > 0)) {
        const after = this.#place;
        // The place is ahead of the stream: the stream was lost, and everything in it is new.
        if (entries.length === 0)
          entries = await redis.xrange(EVENTS_KEY, '-', '+', 'COUNT', BATCH_SIZE);
        gap = { after, firstKept: entries[0]?.[0] ?? null };
      }
    } catch {
      return null; // it is retried
    }
    this.#generation = generation;
    if (gap !== null) this.#place = START;
    if (gap === null && entries.length === 0) return null;
    return this.#advance(
      gap,
      entries.map((entry) => new Recent(entry)),
    );
  }

  #advance(gap: EventGap | null, read: readonly Recent[]): EventBatch {
    this.#place = read.at(-1)?.place ?? this.#place;
    const events = read.flatMap(({ placed }) => placed ?? []);
    return { gap, events, place: this.#place };
  }
}
