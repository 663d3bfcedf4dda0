/** @import { Overview } from '../client/api.ts' */
import { byId, html, list, set, svg, write } from './dom.js';
import { count, plural, roundSpan, tick, time } from './format.js';

/** @typedef {Overview['history']['columns'][number]} Column */

/** The size of the drawing, in its units. */
const WIDTH = 900;
const HEIGHT = 130;
const GAP = 3;
/** The least height of a part that is not 0, so that it is visible. */
const LEAST = 2;
/** Every n-th column has a time on the axis. */
const LABEL_EVERY = 15;

/** The parts of a column from the axis up; `refused` counts as `failed`. */
const PARTS = /** @type {const} */ (['renewed', 'ended', 'throttled', 'failed']);
const NAMES = { renewed: 'renewed', ended: 'ended', throttled: 'throttled', failed: 'failed' };

/** The keepAlives of the last deadline by outcome, and the calls that were lost. */
export class Timeline {
  #columns = svg('g');
  #axis = svg('g', { class: 'axis' });
  #drawing = svg(
    'svg',
    { viewBox: `0 -6 ${WIDTH} ${HEIGHT + 38}`, role: 'img' },
    this.#columns,
    this.#axis,
  );

  constructor() {
    byId('timeline').append(this.#drawing);
  }

  /** @param {Overview} overview */
  show({ history: { columns, stepMs } }) {
    const most = Math.max(1, ...columns.map((column) => partsOf(column).all));
    const width = WIDTH / columns.length;
    while (this.#columns.children.length < columns.length) this.#columns.append(makeColumn());
    for (const [i, column] of columns.entries()) {
      const group = this.#columns.children[i];
      if (group) draw(group, column, { x: i * width, width: width - GAP, most });
    }
    this.#mark(columns, width, stepMs);
    const sums = sumOf(columns);
    const words = [...PARTS.map((part) => `${count(sums[part])} ${NAMES[part]}`)];
    set(this.#drawing, {
      'aria-label': `KeepAlives over the last ${roundSpan(stepMs * columns.length)}: ${words.join(', ')}; ${plural(sums.lost, 'call')} lost.`,
    });
    legend(sums);
    write(
      byId('timeline-caption'),
      `A column lasts ${roundSpan(stepMs)}; the last one is not over yet.`,
    );
    table(columns);
  }

  /**
   * @param {readonly Column[]} columns
   * @param {number} width
   * @param {number} stepMs
   */
  #mark(columns, width, stepMs) {
    const texts = columns.flatMap(({ at }, i) => {
      if (i % LABEL_EVERY !== 0 && i !== columns.length - 1) return [];
      const isLast = i === columns.length - 1;
      const anchor = i === 0 ? 'start' : isLast ? 'end' : 'middle';
      const x = isLast ? WIDTH : i === 0 ? 0 : (i + 0.5) * width;
      return [
        svg(
          'text',
          { x, y: HEIGHT + 28, 'text-anchor': anchor },
          isLast ? 'now' : tick(at, stepMs),
        ),
      ];
    });
    const line = svg('line', { x1: 0, x2: WIDTH, y1: HEIGHT + 0.5, y2: HEIGHT + 0.5 });
    const labels = texts.map(({ textContent }) => textContent).join();
    if (this.#axis.dataset.labels === labels) return;
    this.#axis.dataset.labels = labels;
    this.#axis.replaceChildren(line, ...texts);
  }
}

function makeColumn() {
  const parts = PARTS.map((part) => svg('rect', { class: part }));
  return svg('g', {}, svg('title'), ...parts, svg('path', { class: 'lost' }));
}

/**
 * @param {Element} group
 * @param {Column} column
 * @param {{ x: number, width: number, most: number }} place
 */
function draw(group, column, { x, width, most }) {
  const [title, ...shapes] = group.children;
  const parts = partsOf(column);
  let y = HEIGHT;
  for (const [i, part] of PARTS.entries()) {
    const value = parts[part];
    const height = value === 0 ? 0 : Math.max(LEAST, (value / most) * HEIGHT);
    y -= height;
    const shape = shapes[i];
    if (shape) set(shape, { x, y: Math.max(0, y), width, height });
  }
  const mark = shapes.at(-1);
  const middle = x + width / 2;
  // The mark is a triangle below the axis, which differs from the columns without colours too.
  const triangle = `M${middle} ${HEIGHT + 3} l7 11 h-14 Z`;
  if (mark) set(mark, { d: column.lost > 0 ? triangle : 'M0 0' });
  if (title) write(title, describe(column));
}

/** @param {Column} column */
function partsOf({ renewed, ended, throttled, refused, failed }) {
  const parts = { renewed, ended, throttled, failed: refused + failed };
  return { ...parts, all: renewed + ended + throttled + refused + failed };
}

/** @param {readonly Column[]} columns */
function sumOf(columns) {
  const sums = { renewed: 0, ended: 0, throttled: 0, failed: 0, lost: 0 };
  for (const column of columns) {
    const parts = partsOf(column);
    for (const part of PARTS) sums[part] += parts[part];
    sums.lost += column.lost;
  }
  return sums;
}

/** @param {Column} column */
function describe(column) {
  const parts = partsOf(column);
  const words = PARTS.filter((part) => parts[part] > 0).map(
    (part) => `${count(parts[part])} ${NAMES[part]}`,
  );
  if (column.lost > 0) words.push(`${plural(column.lost, 'call')} lost`);
  return `${time(column.at)}: ${words.join(', ') || 'no keepAlives'}`;
}

/** @param {ReturnType<typeof sumOf>} sums */
function legend(sums) {
  const shown = [...PARTS, /** @type {const} */ ('lost')];
  list(
    byId('timeline-legend'),
    shown.map((part) => ({
      part,
      text: `${count(sums[part])} ${part === 'lost' ? 'lost' : NAMES[part]}`,
    })),
    ({ part }) => part,
    ({ part }) => html('li', { class: part }),
    (item, { text }) => write(item, text),
  );
}

/** @param {readonly Column[]} columns */
function table(columns) {
  list(
    byId('timeline-rows'),
    columns,
    ({ at }) => at,
    ({ at }) =>
      html(
        'tr',
        {},
        html('th', { scope: 'row' }, time(at)),
        ...[...PARTS, 'lost'].map(() => html('td', { class: 'number' })),
      ),
    (row, column) => {
      const parts = partsOf(column);
      const values = [...PARTS.map((part) => parts[part]), column.lost];
      for (const [i, value] of values.entries()) {
        const cell = row.children[i + 1];
        if (cell) write(cell, count(value));
      }
    },
  );
}
