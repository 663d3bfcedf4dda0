/** Control characters (C1 too), characters that hide or change a text's direction, odd line ends. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Makes foreign text safe for a terminal: writes out characters that would move the cursor, change
 * colours or reverse the line, as `\u{1b}`.
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}

export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** As {@link printable}, for JSON, which keeps its meaning. Newlines stay: they separate values. */
export function escapeJson(json: string): string {
  // JSON itself escapes only the control characters of ASCII.
  return json.replaceAll(UNPRINTABLE, (one) => (one === '\n' ? one : escapeUnits(one)));
}

function escapeUnits(text: string): string {
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
