import { callOf } from '../calls/call.ts';
import type { CallEventType, OwnerEventType, PublishedEvent } from '../calls/event.ts';
import { decodeOwner } from './owner-codec.ts';
import { decodeRecord } from './record-codec.ts';
import { UnreadableError } from './stored-text.ts';

/** As ioredis returns it: names and values alternate. */
export type StreamEntry = [entryId: string, fields: string[]];

const CALL_TYPES: ReadonlySet<string> = new Set<CallEventType>([
  'tracked',
  'at-risk',
  'recovered',
  'ended',
  'expired',
  'untracked',
]);

const OWNER_TYPES: ReadonlySet<string> = new Set<OwnerEventType>(['owner.lapsed', 'owner.renewed']);

export function fieldOf(fields: readonly string[], name: string): string {
  const at = fields.indexOf(name);
  return at < 0 ? '' : (fields[at + 1] ?? '');
}

export function isOfOwner(fields: readonly string[]): boolean {
  return OWNER_TYPES.has(fieldOf(fields, 'type'));
}

/** null if the entry cannot be read, which the feed reports. */
export function decodeEvent([, fields]: StreamEntry): PublishedEvent | null {
  const type = fieldOf(fields, 'type');
  const published = { id: fieldOf(fields, 'name'), at: Number(fieldOf(fields, 'at')) };
  if (!Number.isFinite(published.at)) return null;
  const [id, text] = [fieldOf(fields, 'id'), fieldOf(fields, 'record')];
  try {
    if (OWNER_TYPES.has(type)) {
      return { ...published, type: type as OwnerEventType, owner: decodeOwner(id, text) };
    }
    if (!CALL_TYPES.has(type)) return null;
    const call = callOf(decodeRecord(id, text));
    return call && { ...published, type: type as CallEventType, call };
  } catch (error) {
    if (error instanceof UnreadableError) return null;
    throw error;
  }
}

/** Such an entry is left to replicas of that version. */
export function isOfLaterVersion([, fields]: StreamEntry): boolean {
  const decode = isOfOwner(fields) ? decodeOwner : decodeRecord;
  try {
    decode(fieldOf(fields, 'id'), fieldOf(fields, 'record'));
    return false;
  } catch (error) {
    return error instanceof UnreadableError && error.newer;
  }
}
