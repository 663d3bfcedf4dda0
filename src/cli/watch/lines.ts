import type { EventItem } from '../../client/index.ts';
import { describeError, describeLabels, span } from '../call-lines.ts';
import { paint, printable, type Style } from '../printable.ts';
import type { Standing } from './standing.ts';
import type { View } from './view.ts';

const STYLES: Readonly<Record<string, Style>> = {
  'call.expired': 'red',
  'call.at-risk': 'yellow',
  'call.recovered': 'green',
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
  const { type, timestamp, call } = item.event;
  const more = type === 'call.at-risk' || type === 'call.expired' ? describeError(call) : '';
  const parts = [timestamp, type.padEnd(14), call.id, call.app, describeLabels(call), more];
  const line = parts.filter((part) => part !== '').join('  ');
  const style = STYLES[type];
  return style === undefined ? printable(line) : paint(style, line);
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
