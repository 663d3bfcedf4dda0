/** @import { Call } from '../client/api.ts' */
import { html, list, set, write } from './dom.js';
import { time, timeLeft } from './format.js';

/** A table of calls, with the time left of each, or the time at which it left the schedule. */
export class CallsTable {
  #rows;
  #now;
  /** @type {readonly Call[]} */
  #calls = [];
  #deadlineMs = 0;

  /**
   * @param {Element} rows
   * @param {() => number} now epoch ms, by the clock of the replica
   */
  constructor(rows, now) {
    this.#rows = rows;
    this.#now = now;
  }

  /**
   * @param {readonly Call[]} calls
   * @param {number} deadlineMs
   */
  show(calls, deadlineMs) {
    this.#calls = calls;
    this.#deadlineMs = deadlineMs;
    list(
      this.#rows,
      calls,
      ({ id }) => id,
      ({ id }) => makeRow(id),
      (row, call) => {
        const [about, , next] = row.children;
        const [, named, wrong] = about?.children ?? [];
        if (named) write(named, nameOf(call));
        if (wrong) write(wrong, faultOf(call));
        if (next) write(next, isTracked(call) ? dueOf(call, this.#now()) : renewalOf(call));
      },
    );
    this.tick();
  }

  /** Updates what changes with the time. */
  tick() {
    for (const [i, call] of this.#calls.entries()) {
      const cell = this.#rows.children[i]?.children[1];
      if (!cell) continue;
      const left = Date.parse(call.deadlineAt) - this.#now();
      write(cell, isTracked(call) ? timeLeft(left) : goneOf(call));
      set(cell, { 'data-bad': isTracked(call) && left < this.#deadlineMs / 3 });
    }
  }
}

/** @param {string} id */
function makeRow(id) {
  const link = html('a', { href: `#/calls/${id}` }, id);
  const about = [link, html('p', { class: 'brief' }), html('p', { class: 'brief wrong' })];
  return html(
    'tr',
    {},
    html('th', { scope: 'row' }, ...about),
    html('td', { class: 'number' }),
    html('td', { class: 'aside' }),
  );
}

/**
 * What tells people which call this is.
 *
 * @param {Call} call
 */
function nameOf({ app, owner, labels }) {
  const owners = owner === null ? [] : [owner];
  return [app, ...owners, ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)].join(
    ' · ',
  );
}

/**
 * A keepAlive may be past due only because this replica has not learned yet that another sent it.
 *
 * @param {Call} call
 * @param {number} now
 */
function dueOf({ dueAt }, now) {
  return dueAt === null || Date.parse(dueAt) < now ? 'now' : time(dueAt);
}

/** @param {Call} call */
function isTracked({ state }) {
  return state === 'tracked';
}

/** @param {Call} call */
function goneOf({ goneAt }) {
  return goneAt ? time(goneAt) : '–';
}

/** @param {Call} call */
function renewalOf({ renewedAt }) {
  return renewedAt === null ? 'never' : time(renewedAt);
}

/** @param {Call} call */
function faultOf({ consecutiveFailures, lastError }) {
  if (consecutiveFailures === 0) return '';
  return `failed ${consecutiveFailures}×: ${lastError?.message ?? ''}`;
}
