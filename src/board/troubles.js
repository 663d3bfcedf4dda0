/** @import { Overview } from '../client/api.ts' */
import { byId, html, list, set, write } from './dom.js';
import { minute } from './format.js';

/** @typedef {Overview['troubles'][number]} Trouble */

/** The most lost calls that are named. */
const MOST_NAMED = 3;

/** In the head of the page, for screen readers too: what the worst trouble is about. */
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

/**
 * @param {readonly Trouble[]} troubles
 * @returns {string} '' if all is well
 */
export function headline(troubles) {
  const [worst] = troubles;
  if (!worst) return '';
  const more = troubles.length - 1;
  const name = worst.severity === 'notice' ? 'Well now' : NAMES[worst.kind];
  return more === 0 || worst.severity === 'notice' ? name : `${name}, and ${more} more`;
}

/**
 * Several troubles of a kind keep their places.
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
    set(runbook, { href: `/runbook#:~:text=${trouble.runbook}` });
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
 * The server writes times in UTC; the reader's clock shows another one.
 *
 * @param {Trouble} trouble
 */
function inLocalTime({ sentence }) {
  return sentence.replaceAll(
    /(?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d) UTC/g,
    (_, day = new Date().toISOString().slice(0, 10), time) => minute(`${day}T${time}Z`),
  );
}
