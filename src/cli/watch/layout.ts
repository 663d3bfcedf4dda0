import type { Call, EventItem, Trouble } from '../../client/index.ts';
import { TRACKED, withSeparators } from '../call-lines.ts';
import { CAUSES, type Causes } from '../causes.ts';
import { cut } from '../fit.ts';
import type { Form } from '../output.ts';
import { paint } from '../printable.ts';
import { Table } from '../table.ts';
import { shortEventLine, shortStatusLines } from './lines.ts';
import type { ReplicaStatus } from './replica-status.ts';
import { troubleLines } from './trouble-lines.ts';

export interface Picture {
  readonly statuses: readonly ReplicaStatus[];
  /** What is wrong, the worst first, and when that was read, epoch ms. */
  readonly troubles: { readonly all: readonly Trouble[]; readonly at: number };
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
/** Each of the three parts has at least a row. */
const LEAST_ROWS = 3;
/** If fewer lines are left for the troubles, the page shows only troubles. */
const LEAST_OF_TROUBLES = 5;
/** What is wrong is read every 2 s: if it is older than this, no replica answers. */
const STALE_MS = 15_000;

/** Lays out at most this many lines, which fit the terminal and are safe for it. */
export function layOut(picture: Picture, { rows, columns }: Size, now: number): string[] {
  const { statuses, causes, nearest, total, events } = picture;
  const head = statuses.flatMap((status) => shortStatusLines(status, columns));
  head.push(cut(`Ctrl-C ends; ${new Date(now).toISOString()}`, columns));
  head.push(...layOutTroubles(picture, { rows: rows - head.length, columns }, now));
  const room = rows - head.length - ROWS_OF_TITLES;
  if (room < LEAST_ROWS) return head.slice(0, rows);
  const ofCauses = Math.min(Math.floor(room / 3), Math.max(1, causes.all.length));
  const ofCalls = Math.floor((room - ofCauses) / 2);
  const lines = events.map((item) => shortEventLine(item, columns));
  return [
    ...head,
    ...title(
      `Why calls fail: ${withSeparators(causes.calls)} of ${withSeparators(total)}`,
      columns,
    ),
    ...table(causes.all.slice(0, ofCauses), CAUSES),
    ...title('Nearest to their deadlines', columns),
    ...table(nearest.slice(0, ofCalls), TRACKED),
    ...title('Latest events', columns),
    ...orNone(lines.slice(-ofCalls)),
  ];

  function table<T>(items: readonly T[], form: Form<T>): readonly string[] {
    if (items.length === 0) return orNone([]);
    const made = new Table(form.columns, columns, items, now);
    return [made.heading, ...items.map((item) => form.paint(item, made.row(item, now)))];
  }
}

/** Nothing if all is well. */
function layOutTroubles({ troubles: { all, at } }: Picture, { rows, columns }: Size, now: number) {
  if (all.length === 0) return [];
  const others = ROWS_OF_TITLES + LEAST_ROWS;
  const most = rows - others < LEAST_OF_TROUBLES ? rows : Math.min(rows - others, rows / 2);
  const time = `${new Date(at).toISOString().slice(11, 19)}Z`;
  const heading =
    now - at < STALE_MS ? 'What is wrong' : `What was wrong at ${time}: no answer since`;
  const [empty, text] = title(heading, columns);
  return [empty, text, ...troubleLines(all, columns, Math.max(0, Math.floor(most) - 2))];
}

function title(text: string, columns: number): [string, string] {
  return ['', cut(paint('bold', text), columns)];
}

function orNone(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? ['none'] : lines;
}
