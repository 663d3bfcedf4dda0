import type { Owner } from '../client/index.ts';
import { span, toLine } from './call-lines.ts';
import { paint, printable } from './printable.ts';

/** Heading, least width, and content. With these widths a usual line fits 80 columns. */
const COLUMNS: readonly [string, number, (owner: Owner, now: number) => string][] = [
  ['OWNER', 30, ({ owner }) => owner],
  ['STATE', 6, ({ state }) => state],
  ['CALLS', 6, ({ tracked }) => String(tracked)],
  ['LEASE LEFT', 10, leaseLeft],
  ['STOPPED IN', 10, stoppedIn],
  ['APP', 0, ({ app }) => app],
];

export const OWNER_HEADING = toLine(COLUMNS.map(([heading, width]) => [heading, width]));

/** One owner in a line, safe for a terminal. */
export function ownerLine(owner: Owner, now: number): string {
  const line = toLine(COLUMNS.map(([, width, read]) => [read(owner, now), width]));
  if (owner.state === 'lapsed') return paint('yellow', line);
  return owner.state === 'lost' ? paint('red', line) : printable(line);
}

/** One owner in full, safe for a terminal. */
export function describeOwner(owner: Owner, now: number): string {
  const ago = (at: string | null) => at && `${at} (${span(now - Date.parse(at))} ago)`;
  const either = (at: string) =>
    Date.parse(at) < now ? ago(at) : `${at} (in ${span(Date.parse(at) - now)})`;
  const { state, leaseSeconds, leaseUntil, stopsAt } = owner;
  const lines: readonly [string, string | number | null | undefined][] = [
    ['owner', owner.owner],
    ['app', owner.app],
    ['state', STATES[state] ?? state],
    ['calls', owner.tracked],
    ['renewed', ago(owner.renewedAt)],
    ['lease', leaseSeconds && span(leaseSeconds * 1_000)],
    ['lease until', leaseUntil && state === 'active' ? either(leaseUntil) : null],
    ['stopped', stopsAt && (state === 'lapsed' || state === 'lost') ? either(stopsAt) : null],
  ];
  return lines
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${paint('bold', name.padEnd(18))}${printable(String(value))}\n`)
    .join('');
}

const STATES = {
  none: 'none: it has no lease, so its calls are not stopped',
  active: 'active: its lease runs',
  lapsed: 'lapsed: it has not renewed its lease, so its calls will be stopped',
  lost: 'lost: it did not renew its lease, so its calls were stopped',
};

/** Ignores the `leaseUntil` of a lapsed owner, which an outage of the replicas may have moved. */
function leaseLeft({ state, leaseUntil }: Owner, now: number): string {
  if (leaseUntil === null || state === 'lost') return '';
  return span(state === 'active' ? Math.max(0, Date.parse(leaseUntil) - now) : 0);
}

/** Ignores the `stopsAt` of an active owner, which assumes that it stops renewing. */
function stoppedIn({ state, stopsAt }: Owner, now: number): string {
  if (stopsAt === null) return '';
  const left = Date.parse(stopsAt) - now;
  if (state === 'lapsed') return span(Math.max(0, left));
  return state === 'lost' ? `${span(-left)} ago` : '';
}
