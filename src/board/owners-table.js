/** @import { Owner } from '../client/api.ts' */
import { html, list, set, write } from './dom.js';
import { count, itsCalls, span } from './format.js';

/** One row per owner; the times left count down. */
export class OwnersTable {
  #rows;
  #now;
  #isRedisUp = true;
  /** @type {readonly Owner[]} */
  #owners = [];

  /**
   * @param {Element} rows
   * @param {() => number} now epoch ms, by the clock of the replica
   */
  constructor(rows, now) {
    this.#rows = rows;
    this.#now = now;
  }

  /** @param {boolean} isUp */
  redisIs(isUp) {
    this.#isRedisUp = isUp;
  }

  /** @param {readonly Owner[]} owners */
  show(owners) {
    this.#owners = owners;
    const hasApps = new Set(owners.map(({ app }) => app)).size > 1;
    list(
      this.#rows,
      owners,
      ({ owner, app }) => `${owner}@${app}`,
      ({ owner }) => makeRow(owner),
      (row, owner) => {
        const [about, calls] = row.children;
        const state = about?.children[1];
        if (state) write(state, `${hasApps ? `${owner.app} · ` : ''}${stateOf(owner)}`);
        if (calls) write(calls, count(owner.tracked));
      },
    );
    this.tick();
  }

  /** Updates the times left. */
  tick() {
    for (const [i, owner] of this.#owners.entries()) {
      const [about, , left] = this.#rows.children[i]?.children ?? [];
      const fate = about?.children[2];
      if (fate) write(fate, fateOf(owner, this.#now(), this.#isRedisUp));
      if (left) write(left, leaseLeft(owner, this.#now()));
      if (left) set(left, { 'data-bad': owner.state === 'lapsed' });
    }
  }
}

/** @param {string} name */
function makeRow(name) {
  const about = [html('span', {}, name), html('p'), html('p', { class: 'wrong' })];
  return html(
    'tr',
    {},
    html('th', { scope: 'row' }, ...about),
    html('td', { class: 'number' }),
    html('td', { class: 'number' }),
  );
}

/** @param {Owner} owner */
function stateOf({ state }) {
  return state === 'none' ? 'no lease' : state;
}

/**
 * Ignores the `leaseUntil` of a lapsed owner, which an outage of the replicas may have moved.
 *
 * @param {Owner} owner
 * @param {number} now
 */
function leaseLeft({ state, leaseUntil }, now) {
  if (leaseUntil === null) return '–';
  if (state !== 'active') return 'over';
  const left = Date.parse(leaseUntil) - now;
  return left > 0 ? span(left) : 'over';
}

/**
 * What happens to the calls of a lapsed owner; '' for any other owner.
 *
 * @param {Owner} owner
 * @param {number} now
 * @param {boolean} isRedisUp without Redis, no calls are stopped
 */
function fateOf({ state, tracked, stopsAt }, now, isRedisUp) {
  if (state !== 'lapsed' || stopsAt === null) return '';
  if (tracked === 0) return 'has not renewed its lease, and has no calls';
  const calls = `has not renewed its lease: ${itsCalls(tracked)}`;
  if (!isRedisUp) return `${calls} not stopped while Redis is out`;
  const left = Date.parse(stopsAt) - now;
  return left > 0 ? `${calls} stopped in ${span(left)}` : `${calls} being stopped`;
}
