import { callOf } from '../calls/call.ts';
import type { CallEvent, EventType } from '../calls/event.ts';
import { decodeRecord, UnreadableError } from './record-codec.ts';

/** As Redis gives it: fields are names and values by turns. */
export type StreamEntry = [entryId: string, fields: string[]];

const TYPES: ReadonlySet<string> = new Set<EventType>([
  'tracked',
  'at-risk',
  'recovered',
  'ended',
  'expired',
  'untracked',
]);

export function fieldOf(fields: readonly string[], name: string): string {
  const at = fields.indexOf(name);
  return at < 0 ? '' : (fields[at + 1] ?? '');
}

/** The event in an entry of the stream; null if it cannot be read, which the feed reports. */
export function decodeEvent([, fields]: StreamEntry): CallEvent | null {
  const type = fieldOf(fields, 'type');
  const at = Number(fieldOf(fields, 'at'));
  if (!TYPES.has(type) || !Number.isFinite(at)) return null;
  try {
    const call = callOf(decodeRecord(fieldOf(fields, 'id'), fieldOf(fields, 'call')));
    return call && { id: fieldOf(fields, 'name'), type: type as EventType, at, call };
  } catch (error) {
    if (error instanceof UnreadableError) return null;
    throw error;
  }
}

/** Whether a later version of Callkeeper wrote the entry: it is that version's to read. */
export function isOfLaterVersion([, fields]: StreamEntry): boolean {
  try {
    decodeRecord(fieldOf(fields, 'id'), fieldOf(fields, 'call'));
    return false;
  } catch (error) {
    return error instanceof UnreadableError && error.newer;
  }
}
