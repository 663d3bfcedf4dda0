import { styleText } from 'node:util';
import { escapeJson, printable } from '../printable.ts';

export { printable } from '../printable.ts';

/** As {@link printable}, for JSON, which stays JSON: one line, or as `indent` has it. */
export function printableJson(value: unknown, indent = 0): string {
  return escapeJson(JSON.stringify(value, null, indent));
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
