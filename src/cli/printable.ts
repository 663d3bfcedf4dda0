import { styleText } from 'node:util';
import { escapeJson, printable } from '../log/printable.ts';

export { printable } from '../log/printable.ts';

/** Valid JSON that is safe for a terminal. */
export function printableJson(value: unknown, indent = 0): string {
  return escapeJson(JSON.stringify(value, null, indent));
}

export type Style = Parameters<typeof styleText>[0];

/** Printable, and in colour if the terminal has colours and NO_COLOR is not set. */
export function paint(style: Style, text: string): string {
  return styleText(style, printable(text), { stream: process.stdout });
}
