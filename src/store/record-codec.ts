import { isCallId } from '../calls/call.ts';
import { ownerId } from '../calls/owner.ts';
import type { Timing } from '../calls/plan.ts';
import { type CallRecord, failureOf, RecordSchema, renewalOf } from '../calls/record.ts';
import {
  assertReadable,
  DIGITS,
  formatInstant,
  instantAt,
  Packing,
  UnreadableError,
} from './packing.ts';

/**
 * How the record of a call is stored, in Redis and in memory: a head, then JSON.
 *
 *   1 renewedAt trackedAt startedAt failedAt retryAt trackUntil owner@app \n [[…],…]
 *   │ └── 9 base-36 digits each, 0 for none ──────────────────┘               parts by position
 *   └ version                                                                 (RecordSchema)
 *
 * Visits and counts read the head alone: a replica that passes over a thousand calls to find
 * the ten that are due parses none of the others.
 */
const VERSION = '1';
const READABLE: ReadonlySet<string> = new Set(['1']);
const HEAD_LENGTH = 1 + 6 * DIGITS;

/** What visits and counts need to know of a tracked call. */
export interface Head extends Timing {
  readonly app: string;
}

export function encodeRecord(record: CallRecord): string {
  const { tracking } = record;
  const failure = failureOf(record);
  const head = [
    renewalOf(record),
    tracking?.trackedAt,
    tracking?.startedAt,
    failure?.at,
    failure?.retryAt,
    tracking?.trackUntil,
  ];
  const { id: _, ...parts } = record;
  const digits = head.map(formatInstant).join('');
  const owner = ownerId({ app: tracking?.app ?? '', name: tracking?.owner ?? '' });
  return `${VERSION}${digits}${owner}\n${PACKING.pack(parts)}`;
}

/** Only of a text that {@link decodeRecord} has read or {@link encodeRecord} has made. */
export function readHead(text: string): Head {
  const instant = (n: number) => instantAt(text, n) || null;
  return {
    renewedAt: instant(0),
    trackedAt: instant(1) ?? 0,
    startedAt: instant(2),
    failedAt: instant(3),
    retryAt: instant(4),
    trackUntil: instant(5),
    app: text.slice(text.indexOf('@', HEAD_LENGTH) + 1, text.indexOf('\n')),
  };
}

/** The id of the call's owner; '' if it has none. Takes the same texts as {@link readHead}. */
export function readOwner(text: string): string {
  if (text === '' || text[HEAD_LENGTH] === '@') return '';
  return text.slice(HEAD_LENGTH, text.indexOf('\n'));
}

/** @throws UnreadableError */
export function decodeRecord(id: string, text: string): CallRecord {
  if (!isCallId(id)) throw new UnreadableError('its id is not the id of a call');
  assertReadable(text, READABLE);
  return { ...PACKING.unpack(text.slice(text.indexOf('\n') + 1)), id };
}

const PACKING = new Packing<Omit<CallRecord, 'id'>>(RecordSchema);
