import type { Call, EventItem } from '../../client/index.ts';
import { TRACKED, withSeparators } from '../call-lines.ts';
import { CAUSES, type Causes } from '../causes.ts';
import { cut } from '../fit.ts';
import type { Form } from '../output.ts';
import { paint } from '../printable.ts';
import { Table } from '../table.ts';
import { shortEventLine, shortStatusLines } from './lines.ts';
import type { ReplicaStatus } from './replica-status.ts';

export interface Picture {
  readonly statuses: readonly ReplicaStatus[];
  readonly causes: Causes;
  readonly nearest: readonly Call[];
  readonly total: number;
  /** The latest last. */
  readonly events: readonly EventItem[];
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/**
 * The lines of its three parts besides their rows: two titles with a heading, one without, and an
 * empty line before each.
 */
const ROWS_OF_TITLES = 8;

/** Lays out at most this many lines, which fit the terminal and are safe for it. */
export function layOut(picture: Picture, { rows, columns }: Size, now: number): string[] {
  const { statuses, causes, nearest, total, events } = picture;
  const head = statuses.flatMap((status) => shortStatusLines(status, columns));
  head.push(cut(`Ctrl-C ends; ${new Date(now).toISOString()}`, columns));
  const room = rows - head.length - ROWS_OF_TITLES;
  if (room < 3) return head.slice(0, rows);
  const ofCauses = Math.min(Math.floor(room / 3), Math.max(1, causes.all.length));
  const ofCalls = Math.floor((room - ofCauses) / 2);
  const lines = events.map((item) => shortEventLine(item, columns));
  return [
    ...head,
    ...title(`Why calls fail: ${withSeparators(causes.calls)} of ${withSeparators(total)}`),
    ...table(causes.all.slice(0, ofCauses), CAUSES),
    ...title('Nearest to their deadlines'),
    ...table(nearest.slice(0, ofCalls), TRACKED),
    ...title('Latest events'),
    ...orNone(lines.slice(-ofCalls)),
  ];

  function title(text: string): string[] {
    return ['', cut(paint('bold', text), columns)];
  }

  function table<T>(items: readonly T[], form: Form<T>): readonly string[] {
    if (items.length === 0) return orNone([]);
    const made = new Table(form.columns, columns, items, now);
    return [made.heading, ...items.map((item) => form.paint(item, made.row(item, now)))];
  }
}

function orNone(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? ['none'] : lines;
}
