/** @import { Overview } from '../client/api.ts' */
import { byId, html, list, set, write } from './dom.js';
import { count, minute } from './format.js';

/** @typedef {Overview['causes'][number]} Cause */

/** The columns after the number. A narrow page shows the heading in each cell. */
const CELLS = {
  app: 'App',
  tenant: 'Tenant',
  fault: 'Status and code',
  message: 'Message',
  since: 'Since',
  todo: 'What to do',
};

/** Why calls fail: one row for each app, tenant, status and code. */
export class CausesTable {
  /** @param {Overview} overview */
  show({ causes, failing }) {
    byId('causes-section').hidden = causes.length === 0;
    list(byId('causes'), causes, keyOf, make, update);
    const shown = causes.reduce((sum, { calls }) => sum + calls, 0);
    const rest = Math.max(0, failing - shown);
    byId('causes-more').hidden = rest === 0;
    write(byId('causes-more'), `and ${count(rest)} calls with other causes`);
  }
}

/** @param {Cause} cause */
function keyOf({ app, tenantId, status, code }) {
  return [app, tenantId, status, code].join(' ');
}

/** @param {Cause} cause */
function make(cause) {
  const link = html('a', { href: `#/calls?${filterOf(cause)}` });
  return html(
    'tr',
    {},
    html('th', { scope: 'row', class: 'number', 'data-label': 'Calls' }, link),
    ...Object.entries(CELLS).map(([name, label]) =>
      html('td', { class: `cause-${name}`, 'data-label': label }),
    ),
  );
}

/**
 * @param {HTMLElement} row
 * @param {Cause} cause
 */
function update(row, cause) {
  const { app, tenantId, status, code, message, since, todo, calls } = cause;
  const [many, ...cells] = row.children;
  const link = many?.firstElementChild;
  if (link) write(link, count(calls));
  if (link) set(link, { 'aria-label': `${count(calls)} calls, list them` });
  const fault = [status ?? 'no answer', code].filter((part) => part !== null).join(' ');
  for (const [i, text] of [app, tenantId, fault, message, minute(since), todo].entries()) {
    const cell = cells[i];
    if (cell) write(cell, text);
  }
}

/**
 * The query of the page that lists the calls with this cause.
 *
 * @param {Cause} cause
 */
function filterOf({ app, tenantId, status, code }) {
  const error = code ?? status;
  const filter = { failing: '1', app, tenant: tenantId };
  return new URLSearchParams(error === null ? filter : { ...filter, error: String(error) });
}
