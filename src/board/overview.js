/** @import { Call, GetOverviewAnswer } from '../client/api.ts' */
import { byId, html, list, set, write } from './dom.js';
import { count, percent, roundSpan, span, time } from './format.js';
import { Margins } from './margins.js';
import { Wheel } from './wheel.js';

/** The page at `#/`: how all calls are. */
export class OverviewView {
  #now;
  #wheel;
  #margins = new Margins();
  /** @type {GetOverviewAnswer | null} */
  #shown = null;

  /** @param {() => number} now epoch ms, by the clock of the replica */
  constructor(now) {
    this.#now = now;
    this.#wheel = new Wheel(now);
    setInterval(() => this.#tick(), 1_000);
  }

  /** @param {GetOverviewAnswer} overview */
  show(overview) {
    this.#shown = overview;
    this.#wheel.show(overview);
    this.#margins.show(overview);
    write(byId('count-tracked'), count(overview.tracked));
    write(byId('count-failing'), count(overview.failing));
    write(byId('count-risk'), count(overview.atRisk));
    set(byId('count-failing'), { 'data-bad': overview.failing > 0 });
    set(byId('count-risk'), { 'data-bad': overview.atRisk > 0 });
    this.#showNearest(overview.nearest);
    this.#showReplicas(overview);
    this.#tick();
  }

  /** @param {readonly Call[]} calls */
  #showNearest(calls) {
    byId('nearest-none').hidden = calls.length > 0;
    byId('nearest-table').hidden = calls.length === 0;
    list(
      byId('nearest'),
      calls,
      ({ id }) => id,
      ({ id }) => {
        const link = html('a', { href: `#/calls/${id}` }, id);
        const call = html('th', { scope: 'row' }, link, html('p'), html('p', { class: 'wrong' }));
        return html(
          'tr',
          {},
          call,
          html('td', { class: 'number' }),
          html('td', { class: 'aside' }),
        );
      },
      (row, call) => {
        const [about, , next] = row.children;
        const [, named, wrong] = about?.children ?? [];
        if (named) write(named, nameOf(call));
        if (wrong) write(wrong, faultOf(call));
        if (next) write(next, dueOf(call, this.#now()));
      },
    );
  }

  /** @param {GetOverviewAnswer} overview */
  #showReplicas({ replicas, intervalMs }) {
    const all = replicas.reduce((sum, { keepAlives }) => sum + keepAlives, 0);
    write(
      byId('replicas-caption'),
      `What each has sent to Graph within ${roundSpan(intervalMs)}, one turn of the wheel.`,
    );
    const sorted = replicas.toSorted((a, b) => (a.replica < b.replica ? -1 : 1));
    list(
      byId('replicas'),
      sorted,
      ({ replica }) => replica,
      ({ replica }) => {
        const name = html('th', { scope: 'row' }, html('span', {}, replica), html('p'));
        const meter = html('progress', { max: 1, value: 0, 'aria-hidden': 'true' });
        const share = html('td', { class: 'number share' }, meter, html('span'));
        return html('tr', {}, name, html('td', { class: 'number' }), share);
      },
      (row, { replica, version, keepAlives }) => {
        const [name, sent, share] = row.children;
        const here = replica === replicas[0]?.replica ? 'answers this page' : '';
        const about = [version, here].filter((text) => text !== '').join(' · ');
        if (name?.lastElementChild) write(name.lastElementChild, about);
        if (sent) write(sent, count(keepAlives));
        if (share?.firstElementChild) {
          set(share.firstElementChild, { value: all === 0 ? 0 : keepAlives / all });
        }
        if (share?.lastElementChild) write(share.lastElementChild, percent(keepAlives, all));
      },
    );
  }

  /** What time alone changes. */
  #tick() {
    if (this.#shown === null || byId('overview').hidden) return;
    const { nearest, deadlineMs } = this.#shown;
    const left = (/** @type {Call} */ call) => Date.parse(call.deadlineAt) - this.#now();
    const [first] = nearest;
    write(byId('count-margin'), first ? span(left(first)) : '–');
    set(byId('count-margin'), { 'data-bad': first ? left(first) < deadlineMs / 3 : false });
    for (const [i, call] of nearest.entries()) {
      const cell = byId('nearest').children[i]?.children[1];
      if (!cell) continue;
      write(cell, span(left(call)));
      set(cell, { 'data-bad': left(call) < deadlineMs / 3 });
    }
  }
}

/**
 * What tells a call from others, to people.
 *
 * @param {Call} call
 */
function nameOf({ app, labels }) {
  return [app, ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)].join(' · ');
}

/**
 * What another replica did is known here a little later.
 *
 * @param {Call} call
 * @param {number} now
 */
function dueOf({ dueAt }, now) {
  return dueAt === null || Date.parse(dueAt) < now ? 'now' : time(dueAt);
}

/** @param {Call} call */
function faultOf({ consecutiveFailures, lastError }) {
  if (consecutiveFailures === 0) return '';
  return `failed ${consecutiveFailures}×: ${lastError?.message ?? ''}`;
}
