import type { Call, RemovedCall, RemovedState } from './call.ts';

/** What is told of a call; `tracked` also when it is tracked again, or Redis had lost it. */
export type EventType = 'tracked' | 'at-risk' | 'recovered' | RemovedState;

export interface CallEvent {
  /** The same each time the event is told: by it a repeat is recognised. */
  readonly id: string;
  readonly type: EventType;
  /** When it was told first, epoch ms. */
  readonly at: number;
  /** The call as it stood then. */
  readonly call: Call | RemovedCall;
}

/** Some events that follow one another. */
export interface EventPiece {
  /** What may have been missed before `events`: all after a place that is not in the log any more. */
  readonly gap: EventGap | null;
  readonly events: readonly PlacedEvent[];
  /** Where to read on: the events up to here have been read, those that could not be decoded too. */
  readonly place: string;
}

/** An event, and the place in the log after which the next one follows. */
export interface PlacedEvent {
  readonly place: string;
  readonly event: CallEvent;
}

export interface EventGap {
  readonly after: string;
  /** The place of the first event that is kept; null where none is. */
  readonly firstKept: string | null;
}

/** Reads the log at a pace of its own, from a place on. */
export interface EventReader {
  /** Up to where it has read. */
  readonly place: string;
  /**
   * The next events, as soon as there are any; null when the signal aborts
   * before. While the log cannot be reached it waits. Not to be called before
   * the last one has resolved.
   */
  next(signal: AbortSignal): Promise<EventPiece | null>;
}

/** The events of all replicas, of which about the last 10,000 are kept. */
export interface EventLog {
  /**
   * Reads what comes after a place, or null: after now. Throws
   * `StoreUnavailableError` where it is not known yet what now is.
   */
  readAfter(place: string | null): EventReader;
}

/** A place in the log: `<epoch ms>-<n>`, both fit 64 bits. */
export const PLACE_PATTERN = '^[0-9]{1,19}-[0-9]{1,19}$';
