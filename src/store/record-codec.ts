import type { TObject, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { isCallId } from '../calls/call.ts';
import type { Timing } from '../calls/plan.ts';
import { type CallRecord, failureOf, RecordSchema, renewalOf } from '../calls/record.ts';

/**
 * How a record is stored, in Redis and in memory: a head of fixed width, then JSON.
 *
 *   1 renewedAt trackedAt startedAt failedAt retryAt trackUntil app \n [[…],…]
 *   │ └── 9 base-36 digits each, 0 for none ──────────────────┘         parts by position (RecordSchema)
 *   └ version
 *
 * Visits and counts read the head alone: a replica that passes over a thousand calls to find
 * the ten that are due parses none of the others.
 */
const VERSION = '1';
/** The versions that can be read; a field that an older one lacks is null. */
const READABLE: ReadonlySet<string> = new Set(['1']);
const DIGITS = 9;
const HEAD_LENGTH = 1 + 6 * DIGITS;

/** A text that is not a record as we write it. */
export class UnreadableError extends Error {
  readonly code = 'UNREADABLE';
  /** A later version of Callkeeper wrote it: it must not be overwritten. */
  readonly newer: boolean;
  constructor(message: string, newer = false) {
    super(message);
    this.name = 'UnreadableError';
    this.newer = newer;
  }
}

/** What visits and counts have to know of a tracked call. */
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
  const body = JSON.stringify(pack(SHAPE, parts));
  const digits = head.map(formatInstant).join('');
  return `${VERSION}${digits}${tracking?.app ?? ''}\n${body}`;
}

/** Only of a text that {@link decodeRecord} has read or {@link encodeRecord} has made. */
export function readHead(text: string): Head {
  const instant = (i: number) =>
    Number.parseInt(text.slice(1 + i * DIGITS, 1 + (i + 1) * DIGITS), 36) || null;
  return {
    renewedAt: instant(0),
    trackedAt: instant(1) ?? 0,
    startedAt: instant(2),
    failedAt: instant(3),
    retryAt: instant(4),
    trackUntil: instant(5),
    app: text.slice(HEAD_LENGTH, text.indexOf('\n')),
  };
}

/** @throws UnreadableError */
export function decodeRecord(id: string, text: string): CallRecord {
  if (!isCallId(id)) throw new UnreadableError('its id is not the id of a call');
  const version = text[0] ?? '';
  if (!READABLE.has(version)) {
    const isNewer = /^[2-9]/.test(version);
    throw new UnreadableError(`it has version "${version}", not ${VERSION}`, isNewer);
  }
  const parts = unpack(SHAPE, parse(text.slice(text.indexOf('\n') + 1)));
  if (!IS_RECORD.Check(parts)) throw new UnreadableError('it does not have the fields of a record');
  return { ...parts, id };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableError('it is not JSON');
  }
}

function formatInstant(instant: number | null | undefined): string {
  const whole = Math.trunc(instant ?? 0);
  return Math.max(0, whole).toString(36).padStart(DIGITS, '0').slice(-DIGITS);
}

/** The fields of an object in their order, each with the fields of the object in it, if any. */
type Shape = readonly (readonly [name: string, inner: Shape | null])[];

function shapeOf(schema: TSchema): Shape | null {
  const options: readonly TSchema[] = (schema as { anyOf?: TSchema[] }).anyOf ?? [schema];
  const object = options.find((option): option is TObject => 'properties' in option);
  if (!object) return null;
  return Object.entries(object.properties).map(([name, inner]) => [name, shapeOf(inner)]);
}

/** An object as the list of its values; nulls at the end are left out. */
function pack(shape: Shape, value: object): unknown[] {
  const packed = shape.map(([name, inner]) => {
    const field = (value as Record<string, unknown>)[name] ?? null;
    return inner !== null && field !== null ? pack(inner, field) : field;
  });
  while (packed.at(-1) === null) packed.pop();
  return packed;
}

function unpack(shape: Shape, packed: unknown): unknown {
  if (!Array.isArray(packed)) throw new UnreadableError('its parts are not lists');
  const value: Record<string, unknown> = {};
  for (const [i, [name, inner]] of shape.entries()) {
    const field: unknown = packed[i] ?? null;
    value[name] = inner !== null && field !== null ? unpack(inner, field) : field;
  }
  return value;
}

const SHAPE = shapeOf(RecordSchema) ?? [];
const IS_RECORD = Compile(RecordSchema);
