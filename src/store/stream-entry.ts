import { isTombstone } from '../calls/call.ts';
import type { CallEvent, EventType } from '../calls/event.ts';
import { decodeCall, decodeGoneCall, UnreadableError } from './codec.ts';

/** As Redis gives it: fields are names and values by turns. */
export type StreamEntry = [entryId: string, fields: string[]];

/** As the scripts write them. */
const TOLD_AS: Readonly<Record<string, EventType>> = {
  tracked: 'tracked',
  // Redis had lost it, or learns of it only now.
  restored: 'tracked',
  'at-risk': 'at-risk',
  recovered: 'recovered',
  ended: 'ended',
  expired: 'expired',
  untracked: 'untracked',
};
const REMOVALS: ReadonlySet<EventType> = new Set(['ended', 'expired', 'untracked']);

export function fieldOf(fields: readonly string[], name: string): string {
  const at = fields.indexOf(name);
  return at < 0 ? '' : (fields[at + 1] ?? '');
}

/**
 * The event in an entry of the stream; null if it cannot be read (which the feed
 * reports), or if it is not for clients: the stop of an unknown call.
 */
export function decodeEvent([id, fields]: StreamEntry): CallEvent | null {
  const type = TOLD_AS[fieldOf(fields, 'type')];
  if (type === undefined) return null;
  const at = Number.parseInt(id, 10); // the part before the hyphen: epoch ms
  try {
    const [callId, text] = [fieldOf(fields, 'id'), fieldOf(fields, 'call')];
    if (!REMOVALS.has(type)) return { id, type, at, call: decodeCall(callId, text) };
    const call = decodeGoneCall(callId, text);
    return isTombstone(call) ? null : { id, type, at, call };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return null;
  }
}
