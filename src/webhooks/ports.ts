import type { PlacedEvent } from '../calls/event.ts';

/**
 * The events that have yet to be put into the queue. One replica at a time puts
 * them there, in their order. Methods reject where Redis does not answer.
 */
export interface EventGroup {
  /** Discards what happened before webhooks were switched on, by `performance.now()`. */
  begin(startedAt: number): Promise<void>;
  /** Whether this replica is the one, for a while from now on. */
  hold(): Promise<boolean>;
  release(): Promise<void>;
  /**
   * The next ones, those first that were taken and never acknowledged; none
   * where there are none. `places` are all that was taken, also what is no event.
   */
  take(): Promise<{ readonly places: readonly string[]; readonly events: readonly PlacedEvent[] }>;
  ack(places: readonly string[]): Promise<void>;
}

/** What is to be delivered of a call, in order. Methods reject where Redis does not answer. */
export interface DeliveryOrder {
  /** Has no effect on one that stands there already. */
  append(items: readonly OrderItem[]): Promise<void>;
  first(callId: string): Promise<OrderItem | null>;
  remove(callId: string, jobId: string): Promise<void>;
  /** A receiver has said that it is gone. */
  markGone(url: string): Promise<void>;
  isGone(url: string): Promise<boolean>;
}

export interface OrderItem {
  readonly callId: string;
  readonly jobId: string;
  /** In the stream of events. */
  readonly place: string;
}

export type DeliveryOutcome = 'delivered' | 'failed' | 'gone' | 'refused' | 'given_up';
