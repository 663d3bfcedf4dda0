import {
  type Call,
  type CallError,
  type GoneCall,
  isCallId,
  type Removal,
  type ResultInfo,
} from '../calls/call.ts';

/**
 * How a call stands in Redis: JSON with short names, where what is at its
 * default is left out. Some 150 bytes; a million of them are kept.
 */
interface Encoded {
  v: typeof FORMAT;
  a: string;
  t: string;
  /** Somebody named the tenant: it is not just the app's default. */
  tn?: 1;
  r: string;
  at: number;
  l?: Record<string, string>;
  w?: string;
  s?: number;
  u?: number;
  k?: number;
  n?: number;
  f?: number;
  e?: CallError;
  z?: number;
  x?: [Removal, number];
  i?: ResultInfo;
  o?: readonly string[];
}

/** Raised when older replicas could not read what newer ones write. */
const FORMAT = 1;

/** A value that is not a call as we write it; `newer` where a later version wrote it. */
export class UnreadableError extends Error {
  readonly code = 'UNREADABLE';
  readonly newer: boolean;
  constructor(message: string, newer = false) {
    super(message);
    this.name = 'UnreadableError';
    this.newer = newer;
  }
}

export function encodeCall(call: Call | GoneCall): string {
  const encoded: Encoded = {
    v: FORMAT,
    a: call.app,
    t: call.tenantId,
    r: call.registration,
    at: call.trackedAt,
  };
  if (!call.tenantIsDefault) encoded.tn = 1;
  if (Object.keys(call.labels).length > 0) encoded.l = call.labels;
  if (call.webhookUrl !== null) encoded.w = call.webhookUrl;
  if (call.startedAt !== null) encoded.s = call.startedAt;
  if (call.trackUntil !== null) encoded.u = call.trackUntil;
  if (call.renewedAt !== null) encoded.k = call.renewedAt;
  if (call.retryAt !== null) encoded.n = call.retryAt;
  if (call.consecutiveFailures > 0) encoded.f = call.consecutiveFailures;
  if (call.lastError !== null) encoded.e = call.lastError;
  if (call.atRiskAt !== null) encoded.z = call.atRiskAt;
  if ('removal' in call) {
    encoded.x = [call.removal, call.goneAt];
    if (call.resultInfo !== null) encoded.i = call.resultInfo;
    if (call.onlyApps !== undefined) encoded.o = call.onlyApps;
  }
  return JSON.stringify(encoded);
}

/** Throws {@link UnreadableError}. */
export function decodeCall(id: string, text: string): Call {
  if (!isCallId(id)) throw new UnreadableError('its id is none of a call');
  const e = parse(text);
  return {
    id,
    app: e.a,
    tenantId: e.t,
    tenantIsDefault: e.tn === undefined,
    labels: e.l ?? {},
    webhookUrl: e.w ?? null,
    registration: e.r,
    trackedAt: e.at,
    startedAt: e.s ?? null,
    trackUntil: e.u ?? null,
    renewedAt: e.k ?? null,
    retryAt: e.n ?? null,
    consecutiveFailures: e.f ?? 0,
    atRiskAt: e.z ?? null,
    lastError: e.e ?? null,
  };
}

/** Throws {@link UnreadableError}. */
export function decodeGoneCall(id: string, text: string): GoneCall {
  const { x, i, o } = parse(text);
  if (!x) throw new UnreadableError('not a call that has left the schedule');
  const gone = { ...decodeCall(id, text), removal: x[0], goneAt: x[1], resultInfo: i ?? null };
  return o ? { ...gone, onlyApps: o } : gone;
}

function parse(text: string): Encoded {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnreadableError('not JSON');
  }
  if (typeof value !== 'object' || value === null || !('v' in value)) {
    throw new UnreadableError('not an encoded call');
  }
  if (typeof value.v === 'number' && value.v > FORMAT) {
    throw new UnreadableError(`format ${value.v} is newer than ${FORMAT}`, true);
  }
  const fault = firstFault(value as Record<string, unknown>);
  if (fault) throw new UnreadableError(`field ${fault} is not as written by us`);
  return value as Encoded;
}

type Check = (value: unknown) => boolean;
type Checks<T> = Record<keyof T, Check>;

const isText = (value: unknown) => typeof value === 'string';
const isInstant = (value: unknown) => Number.isFinite(value);
const isObject = (value: unknown) => typeof value === 'object' && value !== null;
const maybe = (check: (value: unknown) => boolean) => (value: unknown) =>
  value === undefined || check(value);

const orNull = (check: (value: unknown) => boolean) => (value: unknown) =>
  value === null || check(value);
const REMOVALS: ReadonlySet<unknown> = new Set<Removal>(['ended', 'expired', 'untracked']);

const RESULT_CHECKS: Checks<ResultInfo> = {
  code: isInstant,
  subcode: orNull(isInstant),
  message: isText,
};

const ERROR_CHECKS: Checks<CallError> = {
  at: isInstant,
  status: orNull(isInstant),
  code: orNull(isText),
  message: isText,
  requestId: orNull(isText),
  clientRequestId: orNull(isText),
  diagnostic: orNull(isText),
  date: orNull(isText),
};
const isOf =
  <T>(checks: Checks<T>) =>
  (value: unknown) =>
    isObject(value) &&
    Object.entries<Check>(checks).every(([name, check]) =>
      check((value as Record<string, unknown>)[name]),
    );

const CHECKS: Checks<Encoded> = {
  v: (value) => value === FORMAT,
  a: isText,
  t: isText,
  tn: maybe((value) => value === 1),
  r: isText,
  at: isInstant,
  l: maybe(
    (value) =>
      isObject(value) && !Array.isArray(value) && Object.values(value as object).every(isText),
  ),
  w: maybe(isText),
  s: maybe(isInstant),
  u: maybe(isInstant),
  k: maybe(isInstant),
  n: maybe(isInstant),
  f: maybe(isInstant),
  e: maybe(isOf(ERROR_CHECKS)),
  z: maybe(isInstant),
  x: maybe((value) => Array.isArray(value) && REMOVALS.has(value[0]) && isInstant(value[1])),
  i: maybe(isOf(RESULT_CHECKS)),
  o: maybe((value) => Array.isArray(value) && value.every(isText)),
};

function firstFault(value: Record<string, unknown>): string | null {
  for (const field in CHECKS) {
    if (!CHECKS[field as keyof Encoded](value[field])) return field;
  }
  return null;
}
