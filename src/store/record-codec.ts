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
 *   1owner@app                                                  after the version
 *   [[1795819978158,1795819978158],["0mwzkuje6yb7u","1111…",true]]
 *     └ the instants, see `atOf`     └ all else, by position
 *
 * Visits and counts read no further than the instants: a replica that passes over a thousand calls
 * to find the ten that are due parses none of the others whole. No field is stored twice, and
 * nothing is written for what is null or empty at the end of a list.
 */
const VERSION = '1';
const READABLE: ReadonlySet<string> = new Set(['1']);

const assertRecord: (value: unknown) => asserts value is CallRecord = checkFor(RecordSchema);

/** What visits and counts need to know of a tracked call. */
export interface Head extends Timing {
  readonly app: string;
}

export function encodeRecord(record: CallRecord): string {
  const { tracking, stops, ending, expiry, renewedAt, failure } = record;
  const instants = [
    renewedAt,
    tracking?.trackedAt,
    tracking?.startedAt,
    failure?.at,
    failure?.retryAt,
    tracking?.trackUntil,
  ];
  const word = tracking && TRACKING.list(tracking);
  const failed = failure && FAILURE.list(failure);
  const parts = [trim(instants), word && trim(word), stops, failed, ending, expiry];
  const owner = ownerId({ app: tracking?.app ?? '', name: tracking?.owner ?? '' });
  return `${VERSION}${owner}\n${JSON.stringify(trim(parts))}`;
}

/**
 * A part of the record as a list. A field that is stored elsewhere is not in it; the others follow
 * in the order of the schema, so a new field is added at the end of its schema and nowhere else.
 */
class Part<T extends object> {
  /** Has all fields, in the order of the schema: the merge compares the texts of parts. */
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

/** Only of a text that {@link encodeRecord} has made. */
export function readHead(text: string): Head {
  const end = text.indexOf('\n');
  const list = text.slice(end + 2, text.indexOf(']', end) + 1);
  const { renewedAt, trackedAt, startedAt, failedAt, retryAt, trackUntil } = atOf(
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
  if (text === '' || text[1] === '@') return '';
  return text.slice(1, text.indexOf('\n'));
}

/** @throws UnreadableError */
export function decodeRecord(id: string, text: string): CallRecord {
  if (!isCallId(id)) throw new UnreadableError('its id is not the id of a call');
  assertReadable(text, READABLE);
  const end = text.indexOf('\n');
  const owner = text.slice(1, end);
  if (!owner.includes('@')) throw new UnreadableError('it names no app');
  const { app, name } = ownerOf(owner);
  const parts = parseJson(text.slice(end + 1));
  if (!Array.isArray(parts)) throw new UnreadableError('it is not a list of parts');
  const [instants, word, stops, failed, ending, expiry] = parts as unknown[];
  if (!Array.isArray(instants)) throw new UnreadableError('it has no instants');
  const { renewedAt, trackedAt, startedAt, failedAt, retryAt, trackUntil } = atOf(
    instants as unknown[],
  );
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
    renewedAt,
    failure: failure && FAILURE.unlist(failure, { at: failedAt, retryAt }),
  };
  assertRecord(record);
  return record;
}

function atOf<T>(instants: readonly T[]) {
  const [
    renewedAt = null,
    trackedAt = null,
    startedAt = null,
    failedAt = null,
    retryAt = null,
    trackUntil = null,
  ] = instants;
  return { renewedAt, trackedAt, startedAt, failedAt, retryAt, trackUntil };
}

/** null for nothing. */
function listOf(value: unknown): unknown[] | null {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value;
  throw new UnreadableError('its parts are not lists');
}

/** Drops what is null or empty at the end, except the first. */
function trim(parts: unknown[]): unknown[] {
  while (parts.length > 1 && saysNothing(parts.at(-1))) parts.pop();
  return parts;
}

function saysNothing(part: unknown): boolean {
  return part == null || (typeof part === 'object' && Object.keys(part).length === 0);
}
