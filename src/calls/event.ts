import type { Call, RemovedCall, RemovedState } from './call.ts';
import type { OwnerRecord } from './owner.ts';

/** What happens to a call; `tracked` also if it is tracked again, or Redis had lost it. */
export type CallEventType = 'tracked' | 'at-risk' | 'recovered' | RemovedState;
/** Its lease ran out, or it renewed the lapsed lease within the grace. */
export type OwnerEventType = 'owner.lapsed' | 'owner.renewed';
export type EventType = CallEventType | OwnerEventType;

interface Published {
  /** A repeat of the event has the same id. */
  readonly id: string;
  /** When it was first published, epoch ms. */
  readonly at: number;
}

export interface CallEvent extends Published {
  readonly type: CallEventType;
  /** The call as it stood then. */
  readonly call: Call | RemovedCall;
}

export interface OwnerEvent extends Published {
  readonly type: OwnerEventType;
  /** The owner as it stood then. */
  readonly owner: OwnerRecord;
}

export type PublishedEvent = CallEvent | OwnerEvent;

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
  readonly event: PublishedEvent;
}

export interface EventGap {
  readonly after: string;
  /** The place of the first event that is kept; null if none is. */
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
