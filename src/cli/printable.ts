import { styleText } from 'node:util';
import { escapeJson, printable } from '../log/printable.ts';

export { printable } from '../log/printable.ts';

/** As {@link printable}, for JSON, which stays JSON: one line, or as `indent` has it. */
export function printableJson(value: unknown, indent = 0): string {
  return escapeJson(JSON.stringify(value, null, indent));
}

export type Style = Parameters<typeof styleText>[0];

/** Printable, and in colour where the terminal has some and nobody objects (NO_COLOR). */
export function paint(style: Style, text: string): string {
  return styleText(style, printable(text), { stream: process.stdout });
}
