import {
  type OwnerRecord,
  OwnerRecordSchema,
  ownerState,
  wasLostByMistake,
} from '../calls/owner.ts';
import {
  assertReadable,
  DIGITS,
  formatInstant,
  instantAt,
  Packing,
  UnreadableError,
} from './packing.ts';

/**
 * How the record of an owner is stored: its version, two instants of 9 base-36 digits (the last
 * renewal, and when the judge must look at it next), and its parts as JSON. So the judge skips
 * owners that are alive without parsing them.
 */
const VERSION = '1';
const READABLE: ReadonlySet<string> = new Set(['1']);
const HEAD_LENGTH = 1 + 2 * DIGITS;

export function encodeOwner(record: OwnerRecord): string {
  const { id: _, ...parts } = record;
  const head = [record.lease?.renewedAt, quietUntil(record)].map(formatInstant).join('');
  return `${VERSION}${head}${PACKING.pack(parts)}`;
}

/**
 * Whether the judge must look at the owner: its lease ran out, or it was renewed by a clock that
 * was ahead.
 */
export function needsJudge(text: string, now: number, skewMs: number): boolean {
  const [renewedAt, quietUntil] = [instantAt(text, 0), instantAt(text, 1)];
  return quietUntil <= now || renewedAt > now + skewMs;
}

/** Whether the owner is not active, or was lost by mistake. */
export function isInDoubt(text: string): boolean {
  return instantAt(text, 1) === 0;
}

/** @throws UnreadableError */
export function decodeOwner(id: string, text: string): OwnerRecord {
  assertReadable(text, READABLE);
  if (!id.includes('@')) throw new UnreadableError('its id is not the id of an owner');
  return { ...PACKING.unpack(text.slice(HEAD_LENGTH)), id };
}

function quietUntil(record: OwnerRecord): number {
  const { lease } = record;
  if (lease === null || ownerState(record) !== 'active' || wasLostByMistake(record)) return 0;
  return lease.renewedAt + lease.leaseMs;
}

const PACKING = new Packing<Omit<OwnerRecord, 'id'>>(OwnerRecordSchema);
