import {
  type OwnerRecord,
  OwnerRecordSchema,
  ownerState,
  wasLostByMistake,
} from '../calls/owner.ts';
import { isLaterVersion, Packing, UnreadableError } from './packing.ts';
import { formatInstant } from './record-codec.ts';

/**
 * How the record of an owner is stored: its version, the instant before which a judge has nothing
 * to do (9 base-36 digits), and its parts as JSON. So a judge passes over the owners that are
 * alive without parsing them.
 */
const VERSION = '1';
/** The versions that can be read; a field that an older one lacks is null. */
const READABLE: ReadonlySet<string> = new Set(['1']);
const HEAD_LENGTH = 1 + 9;

export function encodeOwner(record: OwnerRecord): string {
  const { id: _, ...parts } = record;
  return `${VERSION}${formatInstant(quietUntil(record))}${PACKING.pack(parts)}`;
}

/** Before this instant, epoch ms, a judge has nothing to do with the owner. */
export function readQuietUntil(text: string): number {
  return Number.parseInt(text.slice(1, HEAD_LENGTH), 36);
}

/** @throws UnreadableError */
export function decodeOwner(id: string, text: string): OwnerRecord {
  const version = text[0] ?? '';
  if (!READABLE.has(version)) {
    const why = `it has version "${version}", not ${VERSION}`;
    throw new UnreadableError(why, isLaterVersion(version));
  }
  return { ...PACKING.unpack(text.slice(HEAD_LENGTH)), id };
}

function quietUntil(record: OwnerRecord): number {
  const { lease } = record;
  if (lease === null || ownerState(record) !== 'active' || wasLostByMistake(record)) return 0;
  return lease.renewedAt + lease.leaseMs;
}

const PACKING = new Packing<Omit<OwnerRecord, 'id'>>(OwnerRecordSchema);
