import { isCallId } from '../calls/call.ts';
import { ownerId, ownerOf } from '../calls/owner.ts';
import type { Timing } from '../calls/plan.ts';
import { type CallRecord, failureOf, RecordSchema, renewalOf } from '../calls/record.ts';
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
  const word = tracking && [
    tracking.generation,
    tracking.tenantId,
    tracking.tenantIsDefault,
    tracking.labels,
    tracking.webhookUrl,
  ];
  const failed = failure && [failure.count, failure.atRiskAt, failure.error];
  const parts = [trim(instants), word && trim(word), stops, failed, ending, expiry];
  const owner = ownerId({ app: tracking?.app ?? '', name: tracking?.owner ?? '' });
  return `${VERSION}${owner}\n${JSON.stringify(trim(parts))}`;
}

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
  const at = atOf(instants as unknown[]);
  const said = listOf(word);
  const failure = listOf(failed);
  // In the order of the schema: the merge compares the texts of parts.
  const record: unknown = {
    id,
    tracking: said && {
      generation: said[0],
      app,
      tenantId: said[1],
      tenantIsDefault: said[2],
      trackedAt: at.trackedAt,
      startedAt: at.startedAt,
      trackUntil: at.trackUntil,
      labels: said[3] ?? {},
      webhookUrl: said[4] ?? null,
      owner: name || null,
    },
    stops: stops ?? {},
    ending: ending ?? null,
    expiry: expiry ?? null,
    renewedAt: at.renewedAt,
    failure: failure && {
      at: at.failedAt,
      count: failure[0],
      retryAt: at.retryAt,
      atRiskAt: failure[1],
      error: failure[2],
    },
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
