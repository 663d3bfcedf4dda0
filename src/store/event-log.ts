import type { EventGap, EventLog, EventPiece, EventReader, PlacedEvent } from '../calls/event.ts';
import { type Clock, StoreUnavailableError } from '../calls/ports.ts';
import type { RedisClient } from './connection.ts';
import { EVENTS_KEY } from './keys.ts';
import { decodeEvent, type StreamEntry } from './stream-entry.ts';

export interface EventLogOptions {
  /** Fails fast. */
  readonly redis: RedisClient;
  readonly clock: Clock;
  /** So many events are kept in memory, for readers that are up to date. */
  readonly recent?: number;
}

/** So many events a reader gets at once: what waits in memory for a client that is slow. */
const PIECE = 50;
/** Between two attempts to read from a Redis that does not answer. */
const RETRY_MS = 500;
/** Before all entries of a stream. */
const START = '0-0';

interface Recent {
  readonly place: string;
  /** null where it is none that is told, or cannot be read. */
  readonly placed: PlacedEvent | null;
}

/**
 * The stream of events for any number of readers. The feed of this replica, which
 * alone waits on the stream, puts in here what it reads; readers that are up to
 * date are served from memory, those that are behind read the stream in pieces.
 * Nothing is kept for a reader but its place, so one that is slow costs nothing;
 * one that is so slow that the stream is trimmed before it is told so.
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

  /** Changes when it is not certain that the stream still is what it was: readers look for their place. */
  get generation(): number {
    return this.#generation;
  }

  /** The feed follows from here on, after an absence of Redis too. */
  begin(place: string): void {
    this.#from = place;
    this.#recent = [];
    this.#generation++;
    this.#wake();
  }

  /** What the feed has read, after what it put in before. */
  append(entries: readonly StreamEntry[]): void {
    if (this.#from === null || entries.length === 0) return;
    for (const entry of entries) this.#recent.push({ place: entry[0], placed: place(entry) });
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

  /** Up to a piece of what came after a place; null where that is not all in memory. */
  after(place: string): readonly Recent[] | null {
    if (this.#from === null || compare(place, this.#from) < 0) return null;
    let first = this.#recent.length;
    while (first > 0 && compare(this.#recent[first - 1]?.place ?? START, place) > 0) first--;
    return this.#recent.slice(first, first + PIECE);
  }

  /** Resolves when something has been put in, or the signal aborts. */
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
  /** In which the place was found in the stream; null where it has yet to be looked for. */
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

  async next(signal: AbortSignal): Promise<EventPiece | null> {
    while (!signal.aborted) {
      const recent = this.#recent();
      if (recent === null) {
        const piece = await this.#fromStream();
        if (piece !== null) return piece;
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

  /** null where there is nothing new, or no answer. */
  async #fromStream(): Promise<EventPiece | null> {
    const { redis } = this.#options;
    const { generation } = this.#log;
    const isAsked = this.#generation === null;
    let entries: StreamEntry[];
    let gap: EventGap | null = null;
    try {
      // With the place itself: that it is still there shows that nothing is missing after it.
      entries = await redis.xrange(EVENTS_KEY, this.#place, '+', 'COUNT', PIECE + 1);
      if (entries[0]?.[0] === this.#place) {
        entries.shift();
      } else if (this.#place !== START || (isAsked && entries.length > 0)) {
        const after = this.#place;
        // Ahead of all that is kept: the stream was lost, and what is there now is new.
        if (entries.length === 0)
          entries = await redis.xrange(EVENTS_KEY, '-', '+', 'COUNT', PIECE);
        gap = { after, firstKept: entries[0]?.[0] ?? null };
      }
    } catch {
      return null; // asked again until there is an answer
    }
    this.#generation = generation;
    if (gap !== null) this.#place = START;
    if (gap === null && entries.length === 0) return null;
    return this.#advance(
      gap,
      entries.map((entry) => ({ place: entry[0], placed: place(entry) })),
    );
  }

  #advance(gap: EventGap | null, read: readonly Recent[]): EventPiece {
    this.#place = read.at(-1)?.place ?? this.#place;
    const events = read.flatMap(({ placed }) => placed ?? []);
    return { gap, events, place: this.#place };
  }
}

function place(entry: StreamEntry): PlacedEvent | null {
  const event = decodeEvent(entry);
  return event && { place: entry[0], event };
}

/** Below 0 where `a` comes before `b`. */
function compare(a: string, b: string): number {
  const [aMs = 0, aN = 0] = a.split('-').map(Number);
  const [bMs = 0, bN = 0] = b.split('-').map(Number);
  return aMs - bMs || aN - bN;
}
