/** @import { Overview } from '../client/api.ts' */
import { byId, html, list, set, write } from './dom.js';
import { count, minute, plural } from './format.js';

/** @typedef {Overview['troubles'][number]} Trouble */

/** Limit of lost calls that the page names. */
const MOST_NAMED = 3;

/** What the head of the page, and screen readers, say about the worst trouble. */
const NAMES = {
  graph: 'Graph fails',
  token: 'No token',
  network: 'Graph is out of reach',
  callkeeper: 'KeepAlives are stuck',
  redis: 'Redis is out',
  lost: 'Calls were lost',
  unknown: 'Unknown calls',
  replica: 'A replica is gone',
  unready: 'Not ready',
};

/** What is wrong, in sentences, the worst first. */
export class Troubles {
  #list = byId('troubles');

  /**
   * @param {readonly Trouble[]} troubles
   * @param {readonly string[]} lost the ids of calls that were lost lately, the latest first
   */
  show(troubles, lost) {
    byId('troubles-section').hidden = troubles.length === 0;
    list(
      this.#list,
      troubles.map((trouble, i) => ({ ...trouble, key: keyOf(troubles, i) })),
      ({ key }) => key,
      make,
      (item, trouble) => update(item, trouble, trouble.kind === 'lost' ? lost : []),
    );
  }
}

/** Troubles of failing calls. Only a few may fail, so the head says how many instead. */
const FAILURES = ['graph', 'token', 'network', 'callkeeper'];

/**
 * @param {Pick<Overview, 'troubles' | 'failing' | 'tracked'>} overview
 * @returns {string} '' if all is well
 */
export function headline({ troubles, failing, tracked }) {
  const [worst] = troubles;
  const fail = failing === 0 ? '' : failingOf(failing, tracked);
  if (!worst) return fail;
  if (worst.severity === 'notice') return fail === '' ? 'Well again' : fail;
  if (FAILURES.includes(worst.kind) && fail !== '') return fail;
  return [NAMES[worst.kind], fail].filter((word) => word !== '').join(', ');
}

/**
 * @param {number} failing
 * @param {number} tracked
 */
function failingOf(failing, tracked) {
  return `${count(failing)} of ${plural(Math.max(tracked, failing), 'call')} ${failing === 1 ? 'fails' : 'fail'}`;
}

/**
 * Troubles of one kind differ by their order.
 *
 * @param {readonly Trouble[]} troubles
 * @param {number} i
 */
function keyOf(troubles, i) {
  const kind = troubles[i]?.kind;
  const before = troubles.slice(0, i).filter((other) => other.kind === kind).length;
  return `${kind} ${before}`;
}

/** @param {Trouble} trouble */
function make({ kind }) {
  return html(
    'li',
    { 'data-kind': kind },
    html('p', { class: 'sentence' }),
    html('p', { class: 'todo' }, html('span'), ' ', html('a', { target: '_blank' })),
    html('p', { class: 'named' }),
  );
}

/**
 * @param {HTMLElement} item
 * @param {Trouble} trouble
 * @param {readonly string[]} lost
 */
function update(item, trouble, lost) {
  const [sentence, todo, named] = item.children;
  if (!sentence || !todo || !named) return;
  set(item, { 'data-severity': trouble.severity });
  write(sentence, inLocalTime(trouble));
  const [what, runbook] = todo.children;
  if (what) write(what, trouble.todo ?? '');
  if (runbook) {
    // With the ### of Markdown, because the text before the heading mentions its name too.
    set(runbook, { href: `/runbook#:~:text=${encodeURIComponent('### ')}${trouble.runbook}` });
    write(runbook, `Runbook: ${trouble.runbook}`);
  }
  list(
    named,
    lost.slice(0, MOST_NAMED),
    (id) => id,
    (id) => html('a', { href: `#/calls/${id}` }, id),
    () => undefined,
  );
}

/**
 * Replaces UTC, which the server writes, by local time.
 *
 * @param {Trouble} trouble
 */
function inLocalTime({ sentence }) {
  return sentence.replaceAll(
    /(?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d) UTC/g,
    (_, day = new Date().toISOString().slice(0, 10), time) => minute(`${day}T${time}Z`),
  );
}
