/** @import { Overview } from '../client/api.ts' */
import { byId, set, svg, write } from './dom.js';
import { count, plural, roundSpan } from './format.js';

/** The size of the drawing, in its units. */
const WIDTH = 600;
const HEIGHT = 120;
const GAP = 6;
const LEAST = 2;

/** A histogram of the time left of the calls, from none to the whole deadline. */
export class Margins {
  #columns = svg('g');
  #numbers = svg('g', { class: 'numbers' });
  #axis = svg('g', { class: 'axis' });
  #drawing = svg(
    'svg',
    { viewBox: `0 -18 ${WIDTH} ${HEIGHT + 40}`, role: 'img' },
    this.#columns,
    this.#numbers,
    this.#axis,
  );
  #axisFor = 0;

  constructor() {
    byId('margins').append(this.#drawing);
  }

  /** @param {Overview} overview */
  show({ margins, deadlineMs, atRisk }) {
    const { length: n } = margins;
    const most = Math.max(1, ...margins);
    const width = WIDTH / n;
    if (this.#axisFor !== deadlineMs) this.#mark(n, width, deadlineMs);
    for (const [i, calls] of margins.entries()) {
      const height = calls === 0 ? 0 : LEAST + (calls / most) * (HEIGHT - LEAST);
      const [column, number] = [this.#columns.children[i], this.#numbers.children[i]];
      if (!column || !number) continue;
      set(column, { y: HEIGHT - height, height });
      set(number, { y: HEIGHT - height - 6 });
      write(number, calls === 0 ? '' : short(calls));
      const from = roundSpan((i * deadlineMs) / n);
      const to = roundSpan(((i + 1) * deadlineMs) / n);
      const title = column.firstElementChild;
      if (title) write(title, `${from} to ${to}: ${plural(calls, 'call')}`);
    }
    const label = margins
      .map((calls, i) => [
        calls,
        roundSpan((i * deadlineMs) / n),
        roundSpan(((i + 1) * deadlineMs) / n),
      ])
      .filter(([calls]) => calls !== 0)
      .map(([calls, from, to]) => `${from} to ${to}: ${count(Number(calls))}`);
    set(this.#drawing, {
      'aria-label': `Calls by time left. ${label.join('; ') || 'None'}. At risk: ${count(atRisk)}.`,
    });
  }

  /**
   * @param {number} n
   * @param {number} width
   * @param {number} deadlineMs
   */
  #mark(n, width, deadlineMs) {
    this.#axisFor = deadlineMs;
    const steps = Array.from({ length: n }, (_, i) => i);
    // A call with less than a third of the deadline left is at risk.
    const kind = (/** @type {number} */ i) => (i < n / 3 ? 'risky' : 'fine');
    this.#columns.replaceChildren(
      ...steps.map((i) =>
        svg(
          'rect',
          {
            x: i * width + GAP / 2,
            width: width - GAP,
            y: HEIGHT,
            height: 0,
            rx: 2,
            class: kind(i),
          },
          svg('title'),
        ),
      ),
    );
    this.#numbers.replaceChildren(...steps.map((i) => svg('text', { x: (i + 0.5) * width })));
    const thirds = [0, 1, 2, 3].map((third) => {
      const anchor = ['start', 'middle', 'middle', 'end'][third] ?? 'middle';
      const text = roundSpan((third * deadlineMs) / 3);
      return svg('text', { x: (third * WIDTH) / 3, y: HEIGHT + 18, 'text-anchor': anchor }, text);
    });
    this.#axis.replaceChildren(
      svg('line', { x1: 0, x2: WIDTH, y1: HEIGHT + 0.5, y2: HEIGHT + 0.5 }),
      ...thirds,
    );
  }
}

/**
 * Short enough to fit above a column.
 *
 * @param {number} calls
 */
function short(calls) {
  if (calls < 10_000) return count(calls);
  return calls < 999_500 ? `${Math.round(calls / 1_000)} k` : `${(calls / 1_000_000).toFixed(1)} M`;
}
