import type { Call, Event, EventItem, Owner } from '../../client/index.ts';
import { describeError, describeLabels, span } from '../call-lines.ts';
import { paint, printable, type Style } from '../printable.ts';
import type { Standing } from './standing.ts';
import type { View } from './view.ts';

const STYLES: Readonly<Record<string, Style>> = {
  'call.expired': 'red',
  'call.at-risk': 'yellow',
  'call.recovered': 'green',
  'owner.lapsed': 'yellow',
  'owner.renewed': 'green',
};

/** A line an event, and one where a replica is otherwise than before. */
export class Lines implements View {
  readonly calls = null;
  readonly #out: NodeJS.WritableStream;
  readonly #told = new Map<string, string>();

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
  }

  standings(standings: readonly Standing[]): void {
    for (const standing of standings) {
      const { url, state, why } = standing;
      const told = `${state} ${why}`;
      if (this.#told.get(url) === told) continue;
      this.#told.set(url, told);
      this.#out.write(`${new Date().toISOString()}  ${standingLine(standing)}\n`);
    }
  }

  event(item: EventItem): void {
    this.#out.write(`${eventLine(item)}\n`);
  }

  close(): void {}
}

/** An event in a line, safe for a terminal. */
export function eventLine(item: EventItem): string {
  if (item.kind === 'gap') {
    return paint('yellow', 'events are missing here: they are not kept any more');
  }
  const { type, timestamp, call, owner } = item.event;
  const about = (call && callParts(type, call)) ?? (owner && ownerParts(type, owner)) ?? [];
  const parts = [timestamp, type.padEnd(14), ...about];
  const line = parts.filter((part) => part !== '').join('  ');
  const style = STYLES[type];
  return style === undefined ? printable(line) : paint(style, line);
}

function callParts(type: Event['type'], call: Call): readonly string[] {
  const { id, app, owner, reason } = call;
  const isFailure = type === 'call.at-risk' || type === 'call.expired';
  const lost = reason === 'owner-lost' ? `${owner} did not renew its lease` : '';
  return [id, app, describeLabels(call), isFailure ? describeError(call) : lost];
}

function ownerParts(type: Event['type'], { owner, app, tracked, stopsAt }: Owner) {
  const calls = `${tracked} ${tracked === 1 ? 'call' : 'calls'}`;
  const isStopped = type === 'owner.lapsed' && tracked > 0 && stopsAt !== null;
  return [owner, app, isStopped ? `${calls} to be stopped at ${stopsAt}` : calls];
}

export function standingLine({ url, state, why, counts }: Standing): string {
  const style = { ready: 'green', 'not ready': 'yellow', 'not reachable': 'red' } as const;
  const told = why === '' ? state : `${state}: ${why}`;
  return `${paint('bold', url)}  ${paint(style[state], told)}${counts ? `  ${countsOf(counts)}` : ''}`;
}

function countsOf({ tracked, failing, atRisk, minMarginMs }: NonNullable<Standing['counts']>) {
  const nearest = tracked === 0 ? '' : `, nearest ${span(minMarginMs)}`;
  return `${tracked} tracked, ${failing} failing, ${atRisk} at risk${nearest}`;
}
