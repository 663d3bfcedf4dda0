/** @import { Overview } from '../client/api.ts' */
/** @import { Sector } from './sectors.js' */
import { byId, html, set, svg, write } from './dom.js';
import { count, plural, roundSpan } from './format.js';
import { at, INNER, OUTER, ring } from './ring.js';
import { fold } from './sectors.js';

/** The least lengths of a sector with calls, and of its failing part, so that both are visible. */
const LEAST = 3;
const LEAST_FAILING = 1.5;

/** The wheel of slots: how many calls each has, how many of them fail, and whose turn it is. */
export class Wheel {
  #bars = svg('g', { class: 'bars' });
  #failures = svg('g');
  #labels = svg('g', { class: 'dial' });
  #hand = svg('g', { class: 'hand' });
  #total = svg('text', { class: 'total', y: 6 });
  #text = svg('text', { class: 'unit', y: 24 });
  #drawing;
  #shape = '';
  #intervalMs = 0;
  #reduced = matchMedia('(prefers-reduced-motion: reduce)');

  /** @param {() => number} now epoch ms, by the clock of the replica */
  constructor(now) {
    this.#hand.append(
      svg('line', { x1: 0, y1: -INNER + 4, x2: 0, y2: -OUTER - 3 }),
      svg('circle', { cx: 0, cy: -OUTER - 3, r: 2.4 }),
    );
    this.#drawing = svg(
      'svg',
      { viewBox: '-142 -122 284 244', role: 'img' },
      svg('circle', { class: 'track', r: (INNER + OUTER) / 2, 'stroke-width': OUTER - INNER }),
      this.#bars,
      this.#failures,
      this.#labels,
      this.#hand,
      this.#total,
      this.#text,
    );
    byId('wheel').append(this.#drawing);
    this.#turn(now);
  }

  /** @param {Overview} overview */
  show({ slots, intervalMs, tracked, failing }) {
    const sectors = fold(slots);
    const { length: n } = slots.tracked;
    const perSlot = (/** @type {Sector} */ { tracked, first, last }) =>
      tracked / (last - first + 1);
    const most = Math.max(1, ...sectors.map(perSlot));
    this.#shapeTo(sectors, n, intervalMs);
    for (const [i, sector] of sectors.entries()) {
      const bar = this.#bars.children[i];
      const load = perSlot(sector) / most;
      const outer = sector.tracked === 0 ? INNER : INNER + LEAST + load * (OUTER - INNER - LEAST);
      if (!bar) continue;
      set(bar, { d: ring(sector.first / n, (sector.last + 1) / n, outer), class: 'fine' });
      const failure = this.#failures.children[i];
      if (failure) drawFailing(failure, sector, n, outer);
      const title = bar.firstElementChild;
      if (title) write(title, describe(sector, n, intervalMs));
    }
    write(this.#total, count(tracked));
    write(this.#text, tracked === 1 ? 'call' : 'calls');
    const red = sectors.filter((sector) => sector.failing > 0).length;
    const how =
      failing === 0
        ? 'none fails'
        : `${plural(failing, 'call')} failing, in ${red} of ${sectors.length} sectors`;
    set(this.#drawing, {
      'aria-label': `Wheel of ${plural(n, 'slot')}: ${plural(tracked, 'call')}, ${how}`,
    });
    const folded = sectors.length < n ? `, drawn in ${sectors.length} sectors` : '';
    write(
      byId('wheel-caption'),
      `${plural(n, 'slot')}${folded}; a turn takes ${roundSpan(intervalMs)}. The longer a sector, the more calls it has.`,
    );
    this.#tell(sectors, n, intervalMs);
  }

  /**
   * @param {readonly Sector[]} sectors
   * @param {number} n
   * @param {number} intervalMs
   */
  #shapeTo(sectors, n, intervalMs) {
    const shape = `${n} ${intervalMs}`;
    if (shape === this.#shape) return;
    this.#shape = shape;
    this.#intervalMs = intervalMs;
    this.#bars.replaceChildren(...sectors.map(() => svg('path', {}, svg('title'))));
    this.#failures.replaceChildren(...sectors.map(() => svg('path')));
    const quarters = [0, 1, 2, 3].map((quarter) => {
      const [x, y] = at(quarter / 4, OUTER + 10);
      const anchor = ['middle', 'start', 'middle', 'end'][quarter] ?? 'middle';
      const text = dialTime((quarter * intervalMs) / 4, intervalMs);
      return svg('text', { x, y: y + 4, 'text-anchor': anchor }, text);
    });
    this.#labels.replaceChildren(...quarters);
  }

  /**
   * @param {readonly Sector[]} sectors
   * @param {number} n
   * @param {number} intervalMs
   */
  #tell(sectors, n, intervalMs) {
    const rows = byId('wheel-rows');
    while (rows.children.length > sectors.length) rows.lastElementChild?.remove();
    while (rows.children.length < sectors.length) {
      const [slots, turn] = [html('th', { scope: 'row' }), html('td')];
      const [calls, failing] = [html('td', { class: 'number' }), html('td', { class: 'number' })];
      rows.append(html('tr', {}, slots, turn, calls, failing));
    }
    for (const [i, sector] of sectors.entries()) {
      const [slots, turn, calls, failing] = rows.children[i]?.children ?? [];
      if (!slots || !turn || !calls || !failing) continue;
      write(
        slots,
        sector.first === sector.last ? `${sector.first}` : `${sector.first}–${sector.last}`,
      );
      write(turn, roundSpan(Math.round((sector.first * intervalMs) / n)));
      write(calls, count(sector.tracked));
      write(failing, count(sector.failing));
    }
  }

  /**
   * Points the hand at the slot whose turn it is.
   *
   * @param {() => number} now
   */
  #turn(now) {
    const { matches: isReduced } = this.#reduced;
    const step = Math.max(isReduced ? 2_000 : 40, this.#intervalMs / 1_800);
    if (this.#intervalMs > 0) {
      const part = (now() % this.#intervalMs) / this.#intervalMs;
      set(this.#hand, { transform: `rotate(${(part * 360).toFixed(2)})` });
    }
    setTimeout(() => this.#turn(now), step);
  }
}

/**
 * The length of the failing part shows its share of the calls.
 *
 * @param {Element} path
 * @param {Sector} sector
 * @param {number} n
 * @param {number} outer
 */
function drawFailing(path, { first, last, tracked, failing }, n, outer) {
  if (failing === 0) return set(path, { d: 'M0 0', class: 'none' });
  const length = Math.max(LEAST_FAILING, (failing / tracked) * (outer - INNER));
  set(path, { d: ring(first / n, (last + 1) / n, INNER + length), class: 'failing' });
}

/**
 * A time on the dial, such as "3:45" if the interval is at least a minute.
 *
 * @param {number} ms
 * @param {number} intervalMs
 */
function dialTime(ms, intervalMs) {
  if (ms === 0 || intervalMs < 60_000) return roundSpan(ms);
  const seconds = String(Math.round(ms / 1_000) % 60).padStart(2, '0');
  return `${Math.floor(ms / 60_000)}:${seconds}`;
}

/**
 * @param {Sector} sector
 * @param {number} n
 * @param {number} intervalMs
 */
function describe({ first, last, tracked, failing }, n, intervalMs) {
  const slots = first === last ? `Slot ${first}` : `Slots ${first} to ${last}`;
  const turn = roundSpan(Math.round((first * intervalMs) / n));
  return `${slots}, turn at ${turn}: ${plural(tracked, 'call')}, ${count(failing)} failing`;
}
