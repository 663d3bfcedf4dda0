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

export interface Call extends Tracking, Timing {
  readonly id: string;
  /** When the last successful keepAlive was sent. */
  readonly renewedAt: number | null;
  /** When the last attempt failed; null if the call is not failing. */
  readonly failedAt: number | null;
  readonly retryAt: number | null;
  readonly consecutiveFailures: number;
  /** Since when the call is at risk: failing, with less than a third of the deadline left. */
  readonly atRiskAt: number | null;
  readonly lastError: CallError | null;
}

/** Its record is kept for {@link REMEMBERED_MS}. */
export interface RemovedCall extends Call {
  readonly state: RemovedState;
  readonly removedAt: number;
  /** What stopped an `untracked` call; null for the others. */
  readonly reason: Stop['reason'] | null;
  /** From Graph's notification; null if none gave a reason. */
  readonly resultInfo: ResultInfo | null;
}

export const REMEMBERED_MS = 24 * 60 * 60 * 1000;

/** null if no tracking of the call is known. */
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

/** null if no tracking of the call is known, or if the call was removed. */
export function trackedCallOf(record: CallRecord): Call | null {
  const call = callOf(record);
  return call === null || isRemoved(call) ? null : call;
}

export function isRemoved(call: Call | RemovedCall): call is RemovedCall {
  return 'removedAt' in call;
}

/**
 * Graph answers 404 and never accepted a keepAlive: the id, the tenant or the cloud is wrong, or
 * the call was over before it was tracked. Any other ending is a hang-up.
 */
export function isUnknownToGraph(call: Call | RemovedCall): boolean {
  return isRemoved(call) && call.state === 'ended' && call.renewedAt === null;
}

/** The stop that counts: the earlier of two, unless only the later one says why. */
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
const GUID_LENGTHS: ReadonlySet<number> = new Set([36, 32]);

/** For schemas: the pattern that {@link parseCallId} applies. */
export const CALL_ID_PATTERN = CALL_ID.source;

/**
 * The canonical form of a call id; null if the text is not an id. A GUID becomes lower case with
 * hyphens, because Graph ignores the case of GUIDs.
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
