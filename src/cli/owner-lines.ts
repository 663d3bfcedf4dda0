import type { Owner } from '../client/index.ts';
import { span } from './call-lines.ts';
import type { Form } from './output.ts';
import { paint, printable } from './printable.ts';
import type { Column } from './table.ts';

/** They fit 80 columns, of which the app gets 8. */
const COLUMNS: readonly Column<Owner>[] = [
  { heading: 'OWNER', width: 30, shorten: 'middle', grows: true, read: ({ owner }) => owner },
  { heading: 'STATE', width: 6, read: ({ state }) => state },
  { heading: 'CALLS', width: 6, read: ({ tracked }) => String(tracked) },
  { heading: 'LEASE LEFT', width: 10, read: leaseLeft },
  { heading: 'STOPPED IN', width: 10, read: stoppedIn },
  { heading: 'APP', width: 8, read: ({ app }) => app },
];

export const OWNERS: Form<Owner> = { columns: COLUMNS, paint: paintOwner };

function paintOwner({ state }: Owner, line: string): string {
  if (state === 'lapsed') return paint('yellow', line);
  return state === 'lost' ? paint('red', line) : printable(line);
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
