import type { Call } from '../client/index.ts';
import { paint, printable } from './printable.ts';

const COLUMNS = [
  ['ID', 36],
  ['STATE', 9],
  ['APP', 12],
  ['RENEWED', 9],
  ['DEADLINE', 9],
  ['FAILED', 6],
  ['LABELS AND LAST ERROR', 0],
] as const;

export const CALL_HEADING = toLine(COLUMNS.map(([name]) => name));

/** One call in a line, safe for a terminal. */
export function callLine(call: Call, now: number): string {
  const line = toLine([
    call.id,
    call.state,
    call.app,
    call.renewedAt === null ? 'never' : `${span(now - Date.parse(call.renewedAt))} ago`,
    call.state === 'tracked' ? span(Date.parse(call.deadlineAt) - now) : '',
    String(call.consecutiveFailures),
    [describeLabels(call), describeError(call)].filter((part) => part !== '').join('  '),
  ]);
  if (call.atRiskAt !== null || call.state === 'expired') return paint('red', line);
  return call.consecutiveFailures > 0 ? paint('yellow', line) : printable(line);
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

function toLine(cells: readonly string[]): string {
  return COLUMNS.map(([, width], i) => printable(cells[i] ?? '').padEnd(width))
    .join('  ')
    .trimEnd();
}
