import type { Call } from '../client/index.ts';
import { paint, printable } from './printable.ts';

/** Their least widths, and what stands in them. */
const COLUMNS = {
  id: ['ID', 36, (call) => call.id],
  state: ['STATE', 9, (call) => call.state],
  app: ['APP', 12, (call) => call.app],
  renewed: ['RENEWED', 9, ({ renewedAt }, now) => ago(renewedAt, now)],
  deadline: ['DEADLINE', 9, ({ state, deadlineAt }, now) => leftTo(state, deadlineAt, now)],
  failed: ['FAILED', 6, (call) => String(call.consecutiveFailures)],
  more: ['LABELS AND LAST ERROR', 0, (call) => more(call)],
} satisfies Record<string, [string, number, (call: Call, now: number) => string]>;

export type Column = keyof typeof COLUMNS;

export function headingOf(columns: readonly Column[]): string {
  return toLine(columns.map((column) => [COLUMNS[column][0], COLUMNS[column][1]]));
}

/** One call in a line, safe for a terminal. */
export function callLine(call: Call, now: number, columns: readonly Column[]): string {
  const line = toLine(columns.map((column) => [COLUMNS[column][2](call, now), COLUMNS[column][1]]));
  if (call.atRiskAt !== null || call.state === 'expired') return paint('red', line);
  return call.consecutiveFailures > 0 ? paint('yellow', line) : printable(line);
}

function ago(renewedAt: string | null, now: number): string {
  return renewedAt === null ? 'never' : `${span(now - Date.parse(renewedAt))} ago`;
}

function leftTo(state: Call['state'], deadlineAt: string, now: number): string {
  return state === 'tracked' ? span(Date.parse(deadlineAt) - now) : '';
}

function more(call: Call): string {
  return [describeLabels(call), describeError(call)].filter((part) => part !== '').join('  ');
}

export function describeLabels({ labels }: Call): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

export function describeError({ lastError }: Call): string {
  if (lastError === null) return '';
  const { status, code, message } = lastError;
  return [status, code, message].filter((part) => part !== null).join(' ');
}

/** In two units at the most: `12m05s`; negative ones have passed. */
export function span(ms: number): string {
  if (Number.isNaN(ms)) return '?';
  const sign = ms < 0 ? '-' : '';
  const seconds = Math.round(Math.abs(ms) / 1_000);
  const two = (value: number) => String(value).padStart(2, '0');
  if (seconds < 60) return `${sign}${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${sign}${minutes}m${two(seconds % 60)}s`;
  return `${sign}${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}

/** Pads cells to at least these widths. The result is safe for a terminal. */
export function toLine(cells: readonly (readonly [text: string, width: number])[]): string {
  return cells
    .map(([text, width]) => printable(text).padEnd(width))
    .join('  ')
    .trimEnd();
}
