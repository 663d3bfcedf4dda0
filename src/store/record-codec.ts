import { isCallId } from '../calls/call.ts';
import { ownerId, ownerOf } from '../calls/owner.ts';
import type { Timing } from '../calls/plan.ts';
import {
  type CallRecord,
  type Failure,
  FailureSchema,
  failureOf,
  RecordSchema,
  renewalOf,
  type Tracking,
  TrackingSchema,
} from '../calls/record.ts';
import { assertReadable, checkFor, parseJson, UnreadableError } from './stored-text.ts';

/**
 * How the record of a call is stored, in Redis and in memory:
 *
 *   121795819978158owner@app
 *   [[1795819978158],["0mwzkuje6yb7u","1111…",true]]
 *
 * The first line has the version, the number of parts in the second line, the last renewal in 13
 * digits (zeros: none), and the id of the owner, or `@app` if the call has none. The second line is
 * a list of parts: the other instants (see `atOf`), and then the tracking, stops, failure, ending
 * and expiry. The fields of a tracking and of a failure come by position, without those that stand
 * elsewhere. No field is stored twice. Nulls and empty parts at the end of a list are left out.
 *
 * Most writes are renewals, so `laterOf` merges two texts that differ in nothing else without
 * decoding them. Visits and counts read no further than the instants: a replica that looks through
 * a thousand calls for the ten that are due does not parse the others whole.
 */
const VERSION = '1';
const READABLE: ReadonlySet<string> = new Set(['1']);

/** The places of the number of parts and of the renewal, and where the rest of the text begins. */
const PARTS_AT = 1;
const RENEWED_AT = 2;
const REST_AT = 15;
/** The last instant that the renewal's digits can hold, in 2286. */
const LAST_RENEWAL = 10 ** (REST_AT - RENEWED_AT) - 1;
const HEAD = /^.[1-9]\d{13}/;
/** A record with only instants and a tracking: the call is tracked, and nothing has failed. */
const PLAIN = new RegExp(`^${VERSION}2\\d{13}`);

const assertRecord: (value: unknown) => asserts value is CallRecord = checkFor(RecordSchema);

/** What visits and counts need to know of a tracked call. */
export interface Head extends Timing {
  readonly app: string;
}

export function encodeRecord(record: CallRecord): string {
  const { tracking, stops, ending, expiry, renewedAt, failure } = record;
  const instants = [
    tracking?.trackedAt,
    tracking?.startedAt,
    failure?.at,
    failure?.retryAt,
    tracking?.trackUntil,
  ];
  const word = tracking && TRACKING.list(tracking);
  const failed = failure && FAILURE.list(failure);
  const parts = trim([trim(instants), word && trim(word), stops, failed, ending, expiry]);
  const owner = ownerId({ app: tracking?.app ?? '', name: tracking?.owner ?? '' });
  const head = `${VERSION}${parts.length}${digitsOf(renewedAt ?? 0)}`;
  return `${head}${owner}\n${JSON.stringify(parts)}`;
}

function digitsOf(renewedAt: number): string {
  const at = Math.trunc(Math.min(Math.max(renewedAt, 0), LAST_RENEWAL));
  return String(at).padStart(REST_AT - RENEWED_AT, '0');
}

function renewalIn(text: string): number | null {
  return Number(text.slice(RENEWED_AT, REST_AT)) || null;
}

/**
 * The text of the merge of two plain records that differ in nothing but their renewal; null for
 * any others, or if the renewal is later than `latest` (a clock was wrong).
 *
 * @param a a text that {@link encodeRecord} has made; `b` may be any text
 */
export function laterOf(a: string, b: string, latest: number): string | null {
  if (!PLAIN.test(a) || !PLAIN.test(b) || a.slice(REST_AT) !== b.slice(REST_AT)) return null;
  const later = a < b ? b : a;
  return (renewalIn(later) ?? 0) <= latest ? later : null;
}

/** Like {@link laterOf}, for a text and a renewal of it at an instant. */
export function renewedText(text: string, renewedAt: number, latest: number): string | null {
  const renewal = `${text.slice(0, RENEWED_AT)}${digitsOf(renewedAt)}${text.slice(REST_AT)}`;
  return laterOf(text, renewal, latest);
}

/**
 * Turns a part of the record into a list of its fields, and back. The list has the order of the
 * schema, without the fields that are stored elsewhere. So a new field must come at the end of its
 * schema.
 */
class Part<T extends object> {
  /** Every part has all fields in this order, because the merge compares parts by their JSON. */
  readonly #empty: Readonly<Record<string, unknown>>;
  readonly #listed: readonly (keyof T & string)[];

  constructor(schema: { readonly properties: object }, elsewhere: readonly (keyof T & string)[]) {
    const fields = Object.keys(schema.properties) as (keyof T & string)[];
    this.#empty = Object.fromEntries(fields.map((field) => [field, emptyAs(field)]));
    this.#listed = fields.filter((field) => !elsewhere.includes(field));
  }

  list(part: T): unknown[] {
    return this.#listed.map((field) => part[field]);
  }

  unlist(
    values: readonly unknown[],
    elsewhere: Readonly<Partial<Record<keyof T, unknown>>>,
  ): object {
    const part = { ...this.#empty, ...elsewhere } as Record<string, unknown>;
    for (let i = 0; i < values.length; i++) {
      const field = this.#listed[i];
      if (field !== undefined && values[i] !== null) part[field] = values[i];
    }
    return part;
  }
}

function emptyAs(field: string): unknown {
  return field === 'labels' ? {} : null;
}

const TRACKING = new Part<Tracking>(TrackingSchema, [
  'app',
  'owner',
  'trackedAt',
  'startedAt',
  'trackUntil',
]);
const FAILURE = new Part<Failure>(FailureSchema, ['at', 'retryAt']);

/** The text must be one that {@link encodeRecord} has made: this does not validate it. */
export function readHead(text: string): Head {
  const end = text.indexOf('\n');
  const list = text.slice(end + 2, text.indexOf(']', end) + 1);
  const renewedAt = renewalIn(text);
  const { trackedAt, startedAt, failedAt, retryAt, trackUntil } = atOf(
    JSON.parse(list) as (number | null)[],
  );
  const known = {
    tracking: trackedAt === null ? null : { trackedAt },
    renewedAt,
    failure: failedAt === null ? null : { at: failedAt, retryAt },
  };
  const failure = failureOf(known);
  return {
    renewedAt: renewalOf(known),
    trackedAt: trackedAt ?? 0,
    startedAt,
    failedAt: failure?.at ?? null,
    retryAt: failure?.retryAt ?? null,
    trackUntil,
    app: text.slice(text.indexOf('@') + 1, end),
  };
}

/** The id of the call's owner; '' if it has none. Takes the same texts as {@link readHead}. */
export function readOwner(text: string): string {
  if (text === '' || text[REST_AT] === '@') return '';
  return text.slice(REST_AT, text.indexOf('\n'));
}

/** @throws UnreadableError */
export function decodeRecord(id: string, text: string): CallRecord {
  if (!isCallId(id)) throw new UnreadableError('its id is not the id of a call');
  assertReadable(text, READABLE);
  const end = text.indexOf('\n');
  const owner = text.slice(REST_AT, end);
  if (!owner.includes('@')) throw new UnreadableError('it names no app');
  if (!HEAD.test(text)) throw new UnreadableError('it has no renewal');
  const { app, name } = ownerOf(owner);
  const parts = parseJson(text.slice(end + 1));
  if (!Array.isArray(parts)) throw new UnreadableError('it is not a list of parts');
  if (parts.length !== Number(text[PARTS_AT])) throw new UnreadableError('it lacks parts');
  const [instants, word, stops, failed, ending, expiry] = parts as unknown[];
  if (!Array.isArray(instants)) throw new UnreadableError('it has no instants');
  const { trackedAt, startedAt, failedAt, retryAt, trackUntil } = atOf(instants as unknown[]);
  const tracking = listOf(word);
  const failure = listOf(failed);
  const record: unknown = {
    id,
    tracking:
      tracking &&
      TRACKING.unlist(tracking, { app, trackedAt, startedAt, trackUntil, owner: name || null }),
    stops: stops ?? {},
    ending: ending ?? null,
    expiry: expiry ?? null,
    renewedAt: renewalIn(text),
    failure: failure && FAILURE.unlist(failure, { at: failedAt, retryAt }),
  };
  assertRecord(record);
  return record;
}

function atOf<T>(instants: readonly T[]) {
  const [trackedAt = null, startedAt = null, failedAt = null, retryAt = null, trackUntil = null] =
    instants;
  return { trackedAt, startedAt, failedAt, retryAt, trackUntil };
}

/** A part as a list; null if the text lacks it. */
function listOf(value: unknown): unknown[] | null {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value;
  throw new UnreadableError('its parts are not lists');
}

/** Drops nulls and empty parts at the end of a list, but never its first item. */
function trim(parts: unknown[]): unknown[] {
  while (parts.length > 1 && saysNothing(parts.at(-1))) parts.pop();
  return parts;
}

function saysNothing(part: unknown): boolean {
  return part == null || (typeof part === 'object' && Object.keys(part).length === 0);
}
