import type { ListPosition } from '../calls/listing.ts';
import { SLOTS } from '../calls/wheel.ts';

/** The cursor is not the `next` of any page. */
export class CursorError extends Error {
  constructor() {
    super('must be the `next` of another page');
  }
}

export function callCursor({ slot, after }: ListPosition): string {
  return encode(`${slot}:${after}`);
}

/** @throws CursorError */
export function parseCallCursor(cursor: string): ListPosition {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const [, slot, after] = /^(\d{1,6}):([A-Za-z0-9_-]{0,128})$/.exec(text) ?? [];
  if (after === undefined || Number(slot) >= SLOTS) throw new CursorError();
  return { slot: Number(slot), after };
}

export function ownerCursor(id: string): string {
  return encode(id);
}

/** @throws CursorError */
export function parseOwnerCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (!id.includes('@')) throw new CursorError();
  return id;
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}
