import type { Call, GoneCall } from './call.ts';
import type { Notice, NoticeFate } from './notice.ts';
import type { Outcome } from './outcome.ts';

/** Wall time, epoch ms. Passed in, so that the domain is tested with a clock of its own. */
export interface Clock {
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * A clock step must not decide anything for good, such as that a call has expired or its tracking
 * has ended. So whatever cannot be undone goes by `settledNow`; see `RefereedClock`.
 */
export interface SettledClock extends Clock {
  /** The same as `now`, but without a step forward in the last deadline. Never later than `now`. */
  settledNow(): number;
}

/** Chance in [0, 1), passed in for the same reason. */
export type Random = () => number;

/**
 * Sends one keepAlive to Graph, with what belongs to it: a token, time limits,
 * one new token and a second request after a 401. Never rejects: what goes
 * wrong is an outcome. Any number may run at once.
 */
export interface KeepAliveSender {
  /** Whether `send` can post at once: nothing is missing, such as a token. */
  ready(call: Call): boolean;
  /**
   * Gets what is missing. Resolves with null, or with the outcome if no request is possible.
   *
   * @param leftMs until the nearest deadline of the waiting calls
   */
  prepare(call: Call, leftMs: number): Promise<Outcome | null>;
  send(call: Call): Promise<Outcome>;
}

/** A call as it was read, with the version that a write back must still find there. */
export interface Entry {
  readonly call: Call;
  /** Opaque; equal versions mean equal values. */
  readonly version: string;
}

/**
 * A write that counts only if what it is based on still stands: `expected` is
 * the version read, or null for "no such call is tracked".
 */
export type Change =
  | ({ readonly id: string; readonly expected: string | null } & Put)
  | ({ readonly id: string; readonly expected: string } & Remove);

/** Puts the call, and tells of it where `tell` says as what. */
export interface Put {
  readonly next: Call;
  readonly tell?: 'tracked' | 'at-risk' | 'recovered';
}

/** Takes the call off the schedule, remembers it, and tells of it. */
export interface Remove {
  readonly gone: GoneCall;
}

/**
 * `version` is that of the call that was put, null where it was taken off; `current`
 * what stands there instead, null where the call is not tracked (any more).
 */
export type WriteResult =
  | { readonly done: true; readonly version: string | null }
  | { readonly done: false; readonly current: Entry | null };

/**
 * The registry, which is also the schedule: a call that stands here is visited.
 * Methods reject with {@link StoreUnavailableError} where the store does not
 * answer; a write may then have happened or not.
 */
export interface CallStore {
  /** All calls of a slot, in no order. Values that cannot be read are skipped and reported. */
  readSlot(slot: number): Promise<Entry[]>;
  /** In the order of the ids; null where a call is not tracked. */
  find(ids: readonly string[]): Promise<(Entry | null)[]>;
  /** What has left the schedule within {@link GONE_FOR_MS}, tombstones included; in the order of the ids. */
  findGone(ids: readonly string[]): Promise<(GoneCall | null)[]>;
  /** Each change on its own, in order; one result a change. */
  write(changes: readonly Change[]): Promise<WriteResult[]>;
  /** Remembers that a call is not wanted, unless it is tracked after all: then false. */
  stopUnknown(gone: GoneCall): Promise<boolean>;
  /** All of a slot that is remembered to have left the schedule, tombstones included, in no order. */
  readGone(slot: number): Promise<GoneCall[]>;
  /** Forgets some of those that left the schedule before an instant; all, if asked often enough. */
  forgetGone(slot: number, before: number): Promise<void>;
}

/** The store did not answer, or answered that it cannot serve now. */
export class StoreUnavailableError extends Error {
  readonly code = 'STORE_UNAVAILABLE';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreUnavailableError';
  }
}

/** The outcome of a keepAlive on demand, and its effect on the call (null: none). */
export interface KeepAliveResult {
  readonly outcome: Outcome;
  readonly effect: Put | Remove | null;
}

/** A keepAlive on demand that follows another one too closely. */
export interface TooSoon {
  readonly retryAfterMs: number;
}

/**
 * Keeps calls alive in this process: sends what is due through the one limiter and writes the
 * outcomes. Has at most one request of a call in flight or waiting.
 */
export interface CallKeeper {
  /** Sends a keepAlive for each of the calls as soon as it is its turn. Returns at once. */
  keep(calls: Iterable<Call>): void;
  /**
   * Plans a check for calls that need one before their slots' next turns, and acts if it is still due.
   *
   * @param graceMs how long past its time an attempt is left to the replica that planned it
   */
  plan(calls: Iterable<Call>, graceMs?: number): void;
  /** Whether the call is on its way already, or planned. */
  holds(id: string): boolean;
  /** A keepAlive on demand: joins one that is in flight or waits. */
  keepNow(call: Call): Promise<KeepAliveResult | TooSoon>;
}

/** Told of what happens; the metrics and the log listen. Must not throw. */
export interface Observer {
  tracked(call: Call, isNew: boolean): void;
  /** After each keepAlive, with the call as it was before. */
  attempted(call: Call, outcome: Outcome): void;
  /** Once, when it becomes so. */
  atRisk(call: Call): void;
  removed(call: GoneCall): void;
  /** Graph's notifications were applied: how many had each result. */
  notified(counts: Readonly<Record<NoticeFate, number>>): void;
  /** A notification was ignored although it is about a tracked call. */
  misdirected(notice: Notice, fate: 'other_tenant' | 'other_app'): void;
  /** By its notification Graph ended a call that we were to keep alive, for want of a keepAlive. */
  timedOut(call: GoneCall): void;
}
