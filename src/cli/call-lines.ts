import type { Call } from '../client/index.ts';
import type { Form } from './output.ts';
import { paint, printable } from './printable.ts';
import type { Column } from './table.ts';

const ID: Column<Call> = {
  heading: 'ID',
  width: 36,
  shorten: 'middle',
  grows: true,
  read: ({ id }) => id,
};
const LEFT: Column<Call> = {
  heading: 'LEFT',
  width: 7,
  read: ({ deadlineAt }, now) => span(Date.parse(deadlineAt) - now),
};
const REMOVED_AT: Column<Call> = {
  heading: 'REMOVED',
  width: 10,
  read: ({ goneAt }, now) => (goneAt === undefined ? '' : `${span(now - Date.parse(goneAt))} ago`),
};
/** These fit 80 columns with the id of a GUID, and leave 16 for the last one. */
const OTHERS: readonly Column<Call>[] = [
  { heading: 'FAILS', width: 5, read: (call) => String(call.consecutiveFailures) },
  { heading: 'RENEWED', width: 10, from: 100, read: ({ renewedAt }, now) => ago(renewedAt, now) },
  { heading: 'APP', width: 8, shorten: 'end', read: ({ app }) => app },
  { heading: 'ERROR AND LABELS', width: 16, read: errorAndLabels },
];

/** The time left comes before the id, so that no long id pushes it off the screen. */
export const TRACKED: Form<Call> = { columns: [ID, LEFT, ...OTHERS], paint: paintCall };
export const REMOVED: Form<Call> = { columns: [ID, REMOVED_AT, ...OTHERS], paint: paintCall };

/** Red if the call is at risk or lost, yellow if it fails. */
function paintCall(call: Call, line: string): string {
  if (call.atRiskAt !== null || call.state === 'expired') return paint('red', line);
  return call.consecutiveFailures > 0 ? paint('yellow', line) : printable(line);
}

function ago(renewedAt: string | null, now: number): string {
  return renewedAt === null ? 'never' : `${span(now - Date.parse(renewedAt))} ago`;
}

/** The error comes first if the call fails because of it; labels come first if it is old. */
function errorAndLabels(call: Call): string {
  const both = [describeError(call), describeLabels(call)];
  if (call.consecutiveFailures === 0) both.reverse();
  return both.filter((part) => part !== '').join('  ');
}

export function describeLabels({ labels }: Call): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

export function describeError({ lastError }: Call): string {
  return lastError === null ? '' : describeFailure(lastError);
}

/** Names the status once: some messages begin with it. */
export function describeFailure(
  failure: Pick<NonNullable<Call['lastError']>, 'status' | 'code' | 'message'>,
): string {
  const { status, code, message } = failure;
  const isNamed = code === null && message.startsWith(`${status} `);
  return [isNamed ? null : status, code, message].filter((part) => part !== null).join(' ');
}

/** In at most two units: `12m05s`. A negative duration has passed. */
export function span(ms: number): string {
  if (Number.isNaN(ms)) return '?';
  const seconds = Math.round(Math.abs(ms) / 1_000);
  const sign = ms < 0 && seconds > 0 ? '-' : '';
  const two = (value: number) => String(value).padStart(2, '0');
  if (seconds < 60) return `${sign}${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${sign}${minutes}m${two(seconds % 60)}s`;
  return `${sign}${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}

/** `1,203 calls`, `1 call`. */
export function count(number: number, noun: string): string {
  return `${withSeparators(number)} ${number === 1 ? noun : `${noun}s`}`;
}

export function withSeparators(number: number): string {
  return number.toLocaleString('en-US');
}
