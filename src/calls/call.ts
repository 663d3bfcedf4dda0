/**
 * A tracked call: an id that we have promised to keep alive. All instants are
 * epoch milliseconds.
 */
export interface Call {
  /** Graph's id of the call; see {@link parseCallId}. */
  readonly id: string;
  /** Name of the configured app whose credentials keep it alive. */
  readonly app: string;
  readonly tenantId: string;
  /** `tenantId` is the app's own: neither the bot nor Graph has named one. */
  readonly tenantIsDefault: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly webhookUrl: string | null;
  /**
   * Identity of the bot's last word on the call, new each time it has it tracked
   * or stopped, and greater (as text) than those before. An ending counts only
   * for the registration it was observed under, so a late 404 cannot remove a
   * call that was tracked again.
   */
  readonly registration: string;
  readonly trackedAt: number;
  /** When the call began at Graph, if the bot said so. */
  readonly startedAt: number | null;
  /** Tracking stops by itself then. */
  readonly trackUntil: number | null;
  /** When the last successful keepAlive was *sent*: a slow answer must not stretch trust. */
  readonly renewedAt: number | null;
  /**
   * No attempt by a visit of the slot before this instant: the back-off of a
   * failing call, or, for one just tracked, the time its first keepAlive has.
   */
  readonly retryAt: number | null;
  readonly consecutiveFailures: number;
  /** Since when the call is at risk: failing, with less than a third of the deadline left. */
  readonly atRiskAt: number | null;
  readonly lastError: CallError | null;
}

/** Why the last keepAlive failed, with what Microsoft support asks for. */
export interface CallError {
  readonly at: number;
  /** HTTP status, or null where no answer came. */
  readonly status: number | null;
  /** Graph's `error.code`, or our own if Graph did not answer: `foreign`, `token`, `timeout`… */
  readonly code: string | null;
  readonly message: string;
  /** Graph's `request-id`. */
  readonly requestId: string | null;
  /** The `client-request-id` we sent. */
  readonly clientRequestId: string | null;
  /** Graph's `x-ms-ags-diagnostic`. */
  readonly diagnostic: string | null;
  /** Graph's `Date` header, verbatim. */
  readonly date: string | null;
}

/** Why a call left the schedule: Graph said so; its deadline passed; it was told to stop. */
export type Removal = 'ended' | 'expired' | 'untracked';

/** A call that has left the schedule, remembered for {@link GONE_FOR_MS}. */
export interface GoneCall extends Call {
  readonly removal: Removal;
  readonly goneAt: number;
  /** Why Graph ended the call, if a notification said so. */
  readonly resultInfo: ResultInfo | null;
  /** The last stop counts only for calls of these apps: its sender may touch no others. */
  readonly onlyApps?: readonly string[] | undefined;
}

/** Graph's `resultInfo`. */
export interface ResultInfo {
  readonly code: number;
  readonly subcode: number | null;
  readonly message: string;
}

/** How long a call that left the schedule can still be asked for. */
export const GONE_FOR_MS = 24 * 60 * 60 * 1000;

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

export function forget(call: Call, removal: Removal, goneAt: number): GoneCall {
  return { ...call, retryAt: null, removal, goneAt, resultInfo: null };
}

/**
 * The removed call, by the record `gone` that somebody else wrote: with the registration of that
 * record, and with what its writer saw of the end.
 */
export function forgetAs(call: Call, gone: GoneCall): GoneCall {
  const { registration, removal, goneAt, resultInfo } = gone;
  const left = forget({ ...call, ...lastSeen(call, gone) }, removal, goneAt);
  return { ...left, registration, resultInfo };
}

/**
 * Joins the records of two replicas that each removed the same call. The first removal stands; the
 * other adds what only its replica saw of the end.
 */
export function joinEnds(first: GoneCall, other: GoneCall): GoneCall {
  const [later, earlier] =
    other.registration > first.registration ? [other, first] : [first, other];
  return {
    ...first,
    ...lastSeen(first, other),
    registration: later.registration,
    onlyApps: later.onlyApps,
    resultInfo: later.resultInfo ?? earlier.resultInfo,
  };
}

/** The evidence of an ending if there is one, else the latest evidence; and the latest renewal. */
function lastSeen(a: Call | GoneCall, b: GoneCall) {
  const isBetter = isEnding(a) === isEnding(b) ? seenAt(b) > seenAt(a) : isEnding(b);
  const { consecutiveFailures, atRiskAt, lastError } = isBetter ? b : a;
  const renewedAt = (b.renewedAt ?? 0) > (a.renewedAt ?? 0) ? b.renewedAt : a.renewedAt;
  return { renewedAt, consecutiveFailures, atRiskAt, lastError };
}

function isEnding(call: Call | GoneCall): boolean {
  return isGone(call) && call.removal === 'ended' && call.lastError !== null;
}

function seenAt({ renewedAt, lastError }: Call): number {
  return Math.max(renewedAt ?? 0, lastError?.at ?? 0);
}

/**
 * Records the stop of a call that is not known here. A replica that knows the call under an earlier
 * registration then stops it. No API shows this record.
 *
 * @param apps the apps whose calls the sender may stop; null: all
 */
export function tombstone(
  id: string,
  registration: string,
  goneAt: number,
  apps: Iterable<string> | null = null,
): GoneCall {
  return {
    id,
    app: '',
    tenantId: '',
    tenantIsDefault: true,
    labels: {},
    webhookUrl: null,
    registration,
    trackedAt: goneAt,
    startedAt: null,
    trackUntil: null,
    renewedAt: null,
    retryAt: null,
    consecutiveFailures: 0,
    atRiskAt: null,
    lastError: null,
    removal: 'untracked',
    goneAt,
    resultInfo: null,
    ...(apps === null ? {} : { onlyApps: [...apps] }),
  };
}

/** Whether this record removes the call: it has the call's registration or a later one. */
export function covers(gone: GoneCall, call: Call): boolean {
  return gone.registration >= call.registration && isFor(gone, call);
}

/** Whether the sender of the stop may stop this call. */
export function isFor({ onlyApps }: GoneCall, { app }: Call): boolean {
  return onlyApps === undefined || onlyApps.includes(app);
}

export function isTombstone(gone: GoneCall): boolean {
  return gone.app === '';
}

export function isGone(call: Call | GoneCall): call is GoneCall {
  return 'removal' in call;
}
