import {
  type OwnerRecord,
  OwnerRecordSchema,
  ownerState,
  wasLostByMistake,
} from '../calls/owner.ts';
import { assertReadable, checkFor, parseJson, UnreadableError } from './stored-text.ts';

/**
 * How the record of an owner is stored: its version, two instants (the last renewal, and when
 * it must be checked next), and in the second line its parts as JSON. So a check skips
 * owners that are alive without parsing them.
 */
const VERSION = '1';
const READABLE: ReadonlySet<string> = new Set(['1']);

const assertOwner: (value: unknown) => asserts value is OwnerRecord = checkFor(OwnerRecordSchema);

export function encodeOwner(record: OwnerRecord): string {
  const { id: _, ...parts } = record;
  const head = [record.lease?.renewedAt ?? 0, quietUntil(record)];
  return `${VERSION}${JSON.stringify(head)}\n${JSON.stringify(parts)}`;
}

/**
 * Whether the owner must be checked, because its lease ran out or its last renewal is in the future
 * (the clock was ahead).
 */
export function needsLeaseCheck(text: string, now: number, skewMs: number): boolean {
  const [renewedAt, quietUntil] = readHead(text);
  return quietUntil <= now || renewedAt > now + skewMs;
}

/** Whether the owner is not active, or was lost by mistake. */
export function isInDoubt(text: string): boolean {
  return readHead(text)[1] === 0;
}

/** @throws UnreadableError */
export function decodeOwner(id: string, text: string): OwnerRecord {
  assertReadable(text, READABLE);
  if (!id.includes('@')) throw new UnreadableError('its id is not the id of an owner');
  const parts: unknown = parseJson(text.slice(text.indexOf('\n') + 1));
  assertOwner(parts);
  return { ...parts, id };
}

/** The text must be one that {@link encodeOwner} has made. */
function readHead(text: string): [renewedAt: number, quietUntil: number] {
  return JSON.parse(text.slice(1, text.indexOf('\n'))) as [number, number];
}

function quietUntil(record: OwnerRecord): number {
  const { lease } = record;
  if (lease === null || ownerState(record) !== 'active' || wasLostByMistake(record)) return 0;
  return lease.renewedAt + lease.leaseMs;
}
