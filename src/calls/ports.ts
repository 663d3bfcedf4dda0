import type { Call, RemovedCall } from './call.ts';
import type { Notice, NoticeFate } from './notice.ts';
import type { Outcome } from './outcome.ts';
import type { Owner, OwnerRecord } from './owner.ts';
import type { Timing } from './plan.ts';
import type { CallRecord } from './record.ts';

/** Wall time, epoch ms. Passed in, so that tests can use their own clock. */
export interface Clock {
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * A clock step must not decide anything for good, such as that a call has expired or its tracking
 * has ended. So whatever cannot be undone goes by `settledNow`; see `SharedClock`.
 */
export interface SettledClock extends Clock {
  /** The same as `now`, but without a step forward in the last deadline. Never later than `now`. */
  settledNow(): number;
}

/** A random number in [0, 1). Passed in for the same reason. */
export type Random = () => number;

/**
 * Sends keepAlives to Graph, within time limits; any number may be in flight. After a 401 it gets a
 * new token and sends a second request. Never rejects: an error is an outcome.
 */
export interface KeepAliveSender {
  /** Whether `send` can send at once, because it has a token. */
  ready(call: Call): boolean;
  /**
   * Gets a token. Resolves with null, or with the outcome if no request is possible.
   *
   * @param leftMs until the nearest deadline of the waiting calls
   */
  prepare(call: Call, leftMs: number): Promise<Outcome | null>;
  send(call: Call): Promise<Outcome>;
}

export interface Change<R = CallRecord> {
  readonly id: string;
  /**
   * Returns what to add to the record; null for nothing. Runs again if somebody else changes the
   * record meanwhile; the last run counts.
   */
  decide(current: R): R | null;
  /** Set if the change adds only a renewal at this instant: then the record need not be decoded. */
  readonly renewedAt?: number | undefined;
}

/**
 * - `stored`: Redis has it.
 * - `kept`: Redis did not answer; only this replica knows it until the next sync.
 * - `refused`: a later version of Callkeeper wrote the record. Nothing has changed.
 */
export interface Changed<R = CallRecord> {
  readonly kind: 'stored' | 'kept' | 'refused';
  readonly before: R;
  readonly after: R;
}

/**
 * The records of the calls, or of the owners; see `Registry` in store/. A tracked call is on the
 * schedule; a tracked owner has a lease.
 */
export interface RecordRegistry<R> {
  /** What this replica knows. */
  get(id: string): R;
  /** Stays equal while this replica learns nothing new about the record. */
  version(id: string): string;
  /** What this replica and Redis know, in the order of the ids. */
  read(ids: readonly string[]): Promise<R[]>;
  /** All tracked or all removed records of a slot, unordered. */
  readSlot(slot: number, which: 'tracked' | 'removed'): Promise<R[]>;
  /** The ids of these records, without reading the records. */
  readIds(slot: number, which: 'tracked' | 'removed'): Promise<string[]>;
  /** One result per change, in order. */
  update(changes: readonly Change<R>[]): Promise<Changed<R>[]>;
  /** Whether Redis knows the record, except perhaps its last renewals and failures. */
  isDurable(id: string): boolean;
}

export type CallRegistry = RecordRegistry<CallRecord>;
export type OwnerRegistry = RecordRegistry<OwnerRecord>;

/** The tracked calls by their slots, for visits. */
export interface Slots {
  /**
   * First syncs the slot with Redis, if Redis answers. Each iteration reads the timings again.
   *
   * @param since if this replica has synced the slot since this instant, it does not ask Redis again
   */
  read(slot: number, since?: number): Promise<Iterable<readonly [id: string, timing: Timing]>>;
  /** Read without decoding the whole record; null if the call is not tracked. */
  timing(id: string): Timing | null;
  /** Forgets the calls of a slot that were removed before an instant. */
  prune(slot: number, before: number): Promise<void>;
}

/** The store did not answer, or cannot serve now. */
export class StoreUnavailableError extends Error {
  readonly code = 'STORE_UNAVAILABLE';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreUnavailableError';
  }
}

/** For `catch`: null if the store did not answer; any other error is thrown again. */
export function ifUnavailable(error: unknown): null {
  if (error instanceof StoreUnavailableError) return null;
  throw error;
}

/** The outcome of a keepAlive on demand, and the call afterwards; null if it was not written. */
export interface KeepAliveResult {
  readonly outcome: Outcome;
  readonly call: Call | RemovedCall | null;
}

export interface TooSoon {
  readonly retryAfterMs: number;
}

/**
 * Sends keepAlives through the limiter and writes the outcomes. At most one request of a call is in
 * flight or waiting.
 */
export interface CallKeeper {
  /** Returns at once; the keepAlive of each call is sent when its turn comes. */
  keep(ids: Iterable<string>): void;
  /**
   * Plans a check for calls that need one before their slots' next turns, and acts if it is still
   * due.
   *
   * @param graceMs how late another replica's attempt must be before this replica makes it
   */
  plan(calls: Iterable<readonly [id: string, timing: Timing]>, graceMs?: number): void;
  /** Whether the call is already on its way, or will be checked by an instant. */
  holds(id: string, by: number): boolean;
  /** Joins a keepAlive that is in flight or waits. */
  keepNow(id: string): Promise<KeepAliveResult | TooSoon>;
}

/** Called when something happens, for metrics and the log. Must not throw. */
export interface Observer {
  tracked(call: Call, isNew: boolean): void;
  /** After each keepAlive, with the call as it was before. */
  attempted(call: Call, outcome: Outcome): void;
  /** Called once, when the call comes to be at risk. */
  atRisk(call: Call): void;
  removed(call: RemovedCall): void;
  /** Graph's notifications, counted by fate. */
  notified(counts: Readonly<Record<NoticeFate, number>>): void;
  /** A notification about a tracked call was ignored. */
  misdirected(notice: Notice, fate: 'other_tenant' | 'other_app'): void;
  /** Graph's notification says that it ended a tracked call because it got no keepAlive. */
  timedOut(call: RemovedCall): void;
}

/** Called when something happens to an owner, in the replica that records it. Must not throw. */
export interface OwnerObserver {
  lapsed(owner: Owner): void;
  /** It renewed its lapsed lease within the grace. */
  renewed(owner: Owner): void;
  /** Its calls were stopped. */
  lost(owner: Owner, calls: number): void;
}
