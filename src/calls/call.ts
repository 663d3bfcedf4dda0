import type { Timing } from './deadline.ts';
import {
  ALL_APPS,
  type CallError,
  type CallRecord,
  failureOf,
  type RemovedState,
  type ResultInfo,
  removedOf,
  renewalOf,
  type Stop,
  type Tracking,
} from './record.ts';

export type { CallError, RemovedState, ResultInfo } from './record.ts';

/** What a record says about a tracked call, for whoever acts on it or shows it. */
export interface Call extends Tracking, Timing {
  /** Graph's id of the call; see {@link parseCallId}. */
  readonly id: string;
  /** When the last successful keepAlive was sent. */
  readonly renewedAt: number | null;
  /** When the last attempt failed; null if the call is not failing. */
  readonly failedAt: number | null;
  /** The next attempt of a failing call. */
  readonly retryAt: number | null;
  readonly consecutiveFailures: number;
  /** Since when the call is at risk: failing, with less than a third of the deadline left. */
  readonly atRiskAt: number | null;
  readonly lastError: CallError | null;
}

/** A call that was removed from the schedule; it can be asked for for {@link REMEMBERED_MS}. */
export interface RemovedCall extends Call {
  readonly state: RemovedState;
  readonly removedAt: number;
  /** What stopped an `untracked` call; null for the others. */
  readonly reason: Stop['reason'] | null;
  /** Why it is over, if a notification said so. */
  readonly resultInfo: ResultInfo | null;
}

/** How long a removed call can still be asked for. */
export const REMEMBERED_MS = 24 * 60 * 60 * 1000;

/** null for a record of a call that nobody is known to have tracked. */
export function callOf(record: CallRecord): Call | RemovedCall | null {
  const { id, tracking, ending } = record;
  if (tracking === null) return null;
  const failure = failureOf(record);
  const call = {
    ...tracking,
    id,
    renewedAt: renewalOf(record),
    failedAt: failure?.at ?? null,
    retryAt: failure?.retryAt ?? null,
    consecutiveFailures: failure?.count ?? 0,
    atRiskAt: failure?.atRiskAt ?? null,
    lastError: failure?.error ?? null,
  };
  const removed = removedOf(record);
  if (removed === null) return call;
  const { state, at: removedAt } = removed;
  const stop = stopOf(record);
  return {
    ...call,
    lastError: state === 'ended' ? (ending?.error ?? null) : call.lastError,
    retryAt: null,
    state,
    removedAt,
    reason: state === 'untracked' ? (stop?.reason ?? null) : null,
    resultInfo: stop?.resultInfo ?? null,
  };
}

/** The tracked call that a record describes; null if there is none, or it was removed. */
export function trackedCallOf(record: CallRecord): Call | null {
  const call = callOf(record);
  return call === null || isRemoved(call) ? null : call;
}

export function isRemoved(call: Call | RemovedCall): call is RemovedCall {
  return 'removedAt' in call;
}

/** The stop that counts for a call; of two the earlier, unless only the other says why. */
export function stopOf({ tracking, stops }: CallRecord): Stop | null {
  const apps = new Set([ALL_APPS, tracking?.app ?? ALL_APPS]);
  const found = [...apps].flatMap((app) => stops[app] ?? []);
  const counting = found.filter(({ generation }) => generation >= (tracking?.generation ?? ''));
  counting.sort((a, b) => Number(!a.resultInfo) - Number(!b.resultInfo) || a.at - b.at);
  return counting[0] ?? null;
}

const CALL_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{7,127}$/;
/** Microsoft writes the same GUID with hyphens and, in some notifications and logs, without. */
const GUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/i;
/** Characters of a GUID with all of its hyphens, or with none. */
const GUID_LENGTHS: ReadonlySet<number> = new Set([36, 32]);

/** The grammar of call ids, for schemas: the pattern that {@link parseCallId} applies. */
export const CALL_ID_PATTERN = CALL_ID.source;

/**
 * The canonical form of a call id, or null if the text is not an id. A GUID is
 * written in lower case and with hyphens, as Graph compares GUIDs without regard
 * to case; other ids are kept.
 */
export function parseCallId(text: string): string | null {
  if (!isCallId(text)) return null;
  if (!GUID_LENGTHS.has(text.length)) return text;
  const groups = GUID.exec(text)?.slice(1);
  return groups ? groups.join('-').toLowerCase() : text;
}

export function isCallId(text: string): boolean {
  return CALL_ID.test(text);
}
