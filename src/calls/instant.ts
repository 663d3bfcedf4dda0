const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

/** An instant before this or after the next is a mistake, such as .NET's `DateTime.MinValue`. */
const FIRST = Date.UTC(2000, 0, 1);
const LAST = Date.UTC(2100, 0, 1) - 1;

export const INSTANT_GRAMMAR =
  'must be an RFC 3339 date-time of this century, such as 2026-02-03T04:05:06.789Z';

/**
 * Converts an RFC 3339 date-time to epoch ms; finer fractions are cut off. null if the text is
 * something else, does not exist (30 February, a leap second) or is not of this century.
 * `Date.parse` accepts too much.
 */
export function parseInstant(text: string): number | null {
  const match = DATE_TIME.exec(text);
  if (!match) return null;
  const [, year, month, day] = match.map(Number) as [number, number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const at = Date.parse(text.toUpperCase());
  return at >= FIRST && at <= LAST ? at : null;
}
