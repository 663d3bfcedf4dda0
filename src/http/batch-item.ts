import Type from 'typebox';
import { parseCallId } from '../calls/call.ts';

export const ItemId = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  description:
    'The id in its canonical form; unchanged if it is not an id; null if it is not a string.',
});

/** In characters, like an id. */
const MOST_OF_AN_ID = 128;

/** The id of an item that is refused, so that the bot can find the item. */
export function sentId(given: unknown): string | null {
  if (typeof given !== 'string') return null;
  return parseCallId(given) ?? given.slice(0, MOST_OF_AN_ID);
}
