import type { Call, RemovedCall, RemovedState } from './call.ts';
import type { OwnerRecord } from './owner.ts';

/** `tracked` also if the call is tracked again, or if Redis had lost it. */
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
  readonly call: Call | RemovedCall;
}

export interface OwnerEvent extends Published {
  readonly type: OwnerEventType;
  readonly owner: OwnerRecord;
}

export type PublishedEvent = CallEvent | OwnerEvent;

/** Consecutive events. */
export interface EventBatch {
  /** Events before `events` that may be missing, because the log no longer has the last place. */
  readonly gap: EventGap | null;
  readonly events: readonly PlacedEvent[];
  /** Read on from here. Events that could not be decoded are skipped. */
  readonly place: string;
}

export interface PlacedEvent {
  readonly place: string;
  readonly event: PublishedEvent;
}

export interface EventGap {
  readonly after: string;
  /** The place of the first event in the log; null if the log is empty. */
  readonly firstKept: string | null;
}

export interface EventReader {
  /** It has read up to here. */
  readonly place: string;
  /**
   * Resolves with the next events, or with null when the signal aborts. Waits while the log cannot
   * be reached. Await each call before the next one.
   */
  next(signal: AbortSignal): Promise<EventBatch | null>;
}

/** The last 10,000 or so events of all replicas. */
export interface EventLog {
  /**
   * Reads what comes after a place; null: from now on.
   *
   * @throws StoreUnavailableError if the end of the log is not known yet
   */
  readAfter(place: string | null): EventReader;
}

/** A place in the log: `<epoch ms>-<n>`, both of at most 64 bits. */
export const PLACE_PATTERN = '^[0-9]{1,19}-[0-9]{1,19}$';
