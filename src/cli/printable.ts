import { styleText } from 'node:util';

/** Control characters, C1 among them; those that change a text's direction or hide; odd ends of lines. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Text of others, for a terminal: what would move the cursor, change colours or turn the
 * line about is written out instead, as `\u{1b}`.
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}

/** As {@link printable}, for JSON, which stays JSON: one line, or as `indent` has it. */
export function printableJson(value: unknown, indent = 0): string {
  // JSON itself leaves those above ASCII's as they are; a newline is only of the indent.
  return JSON.stringify(value, null, indent).replaceAll(UNPRINTABLE, (one) =>
    one === '\n' ? one : escapeUnits(one),
  );
}

export type Style = Parameters<typeof styleText>[0];

/** Printable, and in colour where the terminal has some and nobody objects (NO_COLOR). */
export function paint(style: Style, text: string): string {
  return styleText(style, printable(text), { stream: process.stdout });
}

/** What {@link paint} puts around a text: there are no other control characters in what it gives. */
const SGR = /(\p{Cc}\[[\d;]*m)/u;

/** The first so many characters of a painted line, with all of its colours. */
export function cut(line: string, columns: number): string {
  let room = columns;
  return line
    .split(SGR)
    .map((part, i) => {
      if (i % 2 === 1) return part;
      const shown = part.slice(0, Math.max(0, room));
      room -= part.length;
      return shown;
    })
    .join('');
}

function escapeUnits(text: string): string {
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
