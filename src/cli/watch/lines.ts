import type { Call, Event, EventItem, Owner, Trouble } from '../../client/index.ts';
import { count, describeError, describeLabels, span, withSeparators } from '../call-lines.ts';
import { cut, shorten } from '../fit.ts';
import { paint, printable, type Style } from '../printable.ts';
import type { ReplicaStatus } from './replica-status.ts';
import { TroubleChanges } from './trouble-changes.ts';
import { troubleLine } from './trouble-lines.ts';
import type { View } from './view.ts';

const STYLES: Readonly<Record<string, Style>> = {
  'call.expired': 'red',
  'call.at-risk': 'yellow',
  'call.recovered': 'green',
  'owner.lapsed': 'yellow',
  'owner.renewed': 'green',
};

/** Prints a line for each event, and for each change of a replica's state or of what is wrong. */
export class Lines implements View {
  readonly calls = null;
  readonly #out: NodeJS.WritableStream;
  readonly #told = new Map<string, string>();
  readonly #changes = new TroubleChanges();

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
  }

  statuses(statuses: readonly ReplicaStatus[]): void {
    for (const status of statuses) {
      const { url, state, why } = status;
      const told = `${state} ${why}`;
      if (this.#told.get(url) === told) continue;
      this.#told.set(url, told);
      this.#out.write(`${new Date().toISOString()}  ${statusLine(status)}\n`);
    }
  }

  troubles(troubles: readonly Trouble[]): void {
    for (const { kind, trouble } of this.#changes.read(troubles, performance.now())) {
      const state = kind === 'over' ? 'over' : trouble.severity;
      const text =
        kind === 'over' ? printable(`it was: ${trouble.sentence}`) : troubleLine(trouble);
      this.#out.write(`${new Date().toISOString()}  ${state.padEnd(14)}  ${text}\n`);
    }
  }

  event(item: EventItem): void {
    this.#out.write(`${eventLine(item)}\n`);
  }

  close(): void {}
}

/** An event in a line, safe for a terminal. */
export function eventLine(item: EventItem): string {
  if (item.kind === 'gap') return GAP;
  const { type, timestamp } = item.event;
  return paintEvent(type, [timestamp, type.padEnd(14), ...aboutOf(item.event)]);
}

/**
 * Like {@link eventLine}, for a page of this width: with the time of day, and long ids shortened.
 */
export function shortEventLine(item: EventItem, columns: number): string {
  if (item.kind === 'gap') return cut(GAP, columns);
  const { type, timestamp } = item.event;
  const [subject = '', ...rest] = aboutOf(item.event);
  const parts = [`${timestamp.slice(11, 19)}Z`, type.padEnd(14), shorten(subject, 36, 'middle')];
  return cut(paintEvent(type, [...parts, ...rest]), columns);
}

const GAP = paint('yellow', 'events are missing here: the stream no longer has them');

function paintEvent(type: Event['type'], parts: readonly string[]): string {
  const line = parts.filter((part) => part !== '').join('  ');
  const style = STYLES[type];
  return style === undefined ? printable(line) : paint(style, line);
}

/** The id of the call or the name of the owner first. */
function aboutOf({ type, call, owner }: (EventItem & { kind: 'event' })['event']) {
  return (call && callParts(type, call)) ?? (owner && ownerParts(type, owner)) ?? [];
}

function callParts(type: Event['type'], call: Call): readonly string[] {
  const { id, app, owner, reason } = call;
  const isFailure = type === 'call.at-risk' || type === 'call.expired';
  const lost = reason === 'owner-lost' ? `${owner} did not renew its lease` : '';
  return [id, app, describeLabels(call), isFailure ? describeError(call) : lost];
}

function ownerParts(type: Event['type'], { owner, app, tracked, stopsAt }: Owner) {
  const calls = count(tracked, 'call');
  const isStopped = type === 'owner.lapsed' && tracked > 0 && stopsAt !== null;
  return [owner, app, isStopped ? `${calls} to be stopped at ${stopsAt}` : calls];
}

const STATE_STYLES = { ready: 'green', 'not ready': 'yellow', 'not reachable': 'red' } as const;

export function statusLine({ url, state, why, counts }: ReplicaStatus): string {
  const told = why === '' ? state : `${state}: ${why}`;
  const line = `${paint('bold', url)}  ${paint(STATE_STYLES[state], told)}`;
  return counts ? `${line}  ${countsOf(counts).join(', ')}` : line;
}

/**
 * Like {@link statusLine}, for a page of this width: the time left first, and the reason on its
 * own line.
 */
export function shortStatusLines(status: ReplicaStatus, columns: number): string[] {
  const { url, state, why, counts } = status;
  const told = counts ? countsOf(counts).reverse() : [];
  const line = [paint(STATE_STYLES[state], state), ...told, paint('bold', url)].join('  ');
  return [line, ...(why === '' ? [] : [`  ${printable(why)}`])].map((one) => cut(one, columns));
}

function countsOf({ tracked, failing, atRisk, minMarginMs }: NonNullable<ReplicaStatus['counts']>) {
  const counts = [
    `${withSeparators(tracked)} tracked`,
    `${withSeparators(failing)} failing`,
    `${withSeparators(atRisk)} at risk`,
  ];
  return tracked === 0 ? counts : [...counts, `nearest ${span(minMarginMs)}`];
}
