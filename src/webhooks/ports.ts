import type { PlacedEvent } from '../calls/event.ts';

/**
 * The events that are not in the queue yet. One replica at a time moves them there, in order.
 * Methods reject if Redis does not answer.
 */
export interface EventGroup {
  /** Discards events from before `startedAt` (`performance.now()`), when webhooks were switched on. */
  begin(startedAt: number): Promise<void>;
  /** Whether this replica may take events, for a while; it takes the role if it is free. */
  hold(): Promise<boolean>;
  release(): Promise<void>;
  /**
   * The next events, first those that were taken and never acknowledged; empty if there are none.
   * `places` also has entries that are not events.
   */
  take(): Promise<{ readonly places: readonly string[]; readonly events: readonly PlacedEvent[] }>;
  ack(places: readonly string[]): Promise<void>;
}

/** The deliveries of a call, in order. Methods reject if Redis does not answer. */
export interface DeliveryOrder {
  /** Ignores items that are there already. */
  append(items: readonly OrderItem[]): Promise<void>;
  first(callId: string): Promise<OrderItem | null>;
  remove(callId: string, jobId: string): Promise<void>;
  /** A receiver has answered 410. */
  markGone(url: string): Promise<void>;
  isGone(url: string): Promise<boolean>;
}

export interface OrderItem {
  readonly callId: string;
  readonly jobId: string;
  readonly place: string;
}

export type DeliveryOutcome = 'delivered' | 'failed' | 'gone' | 'given_up';
