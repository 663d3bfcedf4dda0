/** @import { Overview } from '../client/api.ts' */
import { byId, html, list, set, write } from './dom.js';
import { count, percent, roundSpan, time } from './format.js';

/** A replica that has been silent for this long is gone, in ms. */
const GONE_MS = 10_000;
/** A replica that is gone stays on the page for an interval, but at least this long, in ms. */
const TOLD_MS = 60_000;

/**
 * @typedef {object} Seen a replica that was alive while this page has been open
 * @property {string} replica
 * @property {string} version
 * @property {number} at when it was last seen, epoch ms
 * @property {number} of how many replicas were alive then
 */

/** The live replicas and, for a while, those that are gone. */
export class Replicas {
  /** @type {Map<string, Seen>} */
  #seen = new Map();

  /** @param {Overview} overview */
  show({ replicas, redis, intervalMs }) {
    const now = Date.now();
    for (const { replica, version } of replicas) {
      this.#seen.set(replica, { replica, version, at: now, of: replicas.length });
    }
    for (const seen of this.#seen.values()) {
      // While Redis is out, this replica does not know whether the others are alive.
      if (!redis.up) seen.at = Math.max(seen.at, now);
      if (now - seen.at > GONE_MS + Math.max(intervalMs, TOLD_MS)) this.#seen.delete(seen.replica);
    }
    const all = replicas.reduce((sum, { keepAlives }) => sum + keepAlives, 0);
    const others = redis.up ? '' : ' While Redis is out, the other replicas are not shown.';
    write(
      byId('replicas-caption'),
      `What each has sent to Graph within ${roundSpan(intervalMs)}, one turn of the wheel.${others}`,
    );
    const living = replicas.toSorted((a, b) => (a.replica < b.replica ? -1 : 1));
    /** @type {readonly { replica: string, version: string, keepAlives?: number, at?: number }[]} */
    const shown = [...living, ...this.#gone(now)];
    list(
      byId('replicas'),
      shown,
      ({ replica }) => replica,
      ({ replica }) => makeRow(replica),
      (row, { replica, version, keepAlives, at }) => {
        const here = replica === replicas[0]?.replica ? 'answers this page' : '';
        const gone = at === undefined ? '' : `gone since ${time(at)}`;
        const [name, sent, share] = row.children;
        const about = name?.lastElementChild;
        if (about) write(about, [version, here, gone].filter((text) => text !== '').join(' · '));
        if (about) set(about, { 'data-bad': gone !== '' });
        if (sent) write(sent, keepAlives === undefined ? '–' : count(keepAlives));
        const [meter, part] = share?.children ?? [];
        if (meter) set(meter, { value: all === 0 ? 0 : (keepAlives ?? 0) / all });
        if (part) write(part, keepAlives === undefined ? '–' : percent(keepAlives, all));
      },
    );
  }

  /** @param {number} now */
  #gone(now) {
    return [...this.#seen.values()].filter(({ at }) => now - at > GONE_MS);
  }
}

/** @param {string} replica */
function makeRow(replica) {
  const name = html('th', { scope: 'row' }, html('span', {}, replica), html('p'));
  const meter = html('progress', { max: 1, value: 0, 'aria-hidden': 'true' });
  const share = html('td', { class: 'number share' }, meter, html('span'));
  return html('tr', {}, name, html('td', { class: 'number' }), share);
}
