import { styleText } from 'node:util';
import { durationText } from '../calls/wording.ts';
import { printable, printableLines } from './printable.ts';

type Style = Parameters<typeof styleText>[0];

const STYLES: Readonly<Record<string, Style>> = {
  fatal: ['bold', 'red'],
  error: 'red',
  warn: 'yellow',
  info: 'green',
  debug: 'dim',
  trace: 'dim',
};

type Fields = Readonly<Record<string, unknown>>;

/** A JSON line of the log as a person reads it in a terminal: safe, and without repetition. */
export function readableLine(json: string): string {
  const line = parse(json);
  if (line === null) return printableLines(json);
  const { level, time, msg = '', err, ...fields } = line;
  const text = printable(String(msg));
  const rest = Object.entries(fields).flatMap(([name, value]) => fieldText(name, value, text));
  return `${[
    paint('dim', String(time).slice(11, 19)),
    levelText(String(level)),
    text,
    ...(rest.length > 0 ? [paint('dim', rest.join(' '))] : []),
    ...errorText(err, text),
  ].join(' ')}\n`;
}

function parse(json: string): Fields | null {
  try {
    const value = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}

function levelText(level: string): string {
  const style = STYLES[level];
  const padded = level.padEnd(5);
  return style ? paint(style, padded) : padded;
}

function fieldText(name: string, value: unknown, message: string): string[] {
  if (value === null || value === '' || name === 'event') return [];
  if (Array.isArray(value))
    return value.length > 0 ? fieldText(name, value.join(', '), message) : [];
  if (typeof value === 'object') {
    const inner = Object.entries(value).flatMap(([of, one]) => fieldText(of, one, message));
    return inner.length > 0 ? [`${printable(name)} (${inner.join(' ')})`] : [];
  }
  if (typeof value === 'number' && name.endsWith('Ms')) {
    return [`${name.slice(0, -2)}=${durationText(value)}`];
  }
  const text = printable(String(value));
  if (message.includes(text)) return [];
  return [`${printable(name)}=${/\s/.test(text) ? JSON.stringify(text) : text}`];
}

function errorText(err: unknown, message: string): string[] {
  if (typeof err !== 'object' || err === null) return [];
  const { stack, message: said } = err as { stack?: unknown; message?: unknown };
  const text = printableLines(typeof stack === 'string' ? stack : String(said ?? ''));
  return text === '' || message === text ? [] : [`\n${paint('dim', text.replace(/^/gm, '    '))}`];
}

function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}
