/** @import { Call } from '../client/api.ts' */

const STATES = ['tracked', 'ended', 'expired', 'untracked'];
const SORTS = ['deadline', 'failures', 'app'];

/**
 * @typedef {object} Filter the API applies `state`, `app` and `label`, this page the rest
 * @property {Call['state']} state
 * @property {string} app
 * @property {string} label `key` or `key=value`
 * @property {string} tenant
 * @property {string} error a code, a status, or a part of the message
 * @property {boolean} isFailing
 * @property {string} sort
 */

/**
 * Reads a filter from an address such as `#/calls?state=tracked&error=403`.
 *
 * @param {string} query
 * @returns {Filter}
 */
export function parseFilter(query) {
  const asked = new URLSearchParams(query);
  const text = (/** @type {string} */ name) => (asked.get(name) ?? '').trim();
  const state = STATES.includes(text('state')) ? text('state') : 'tracked';
  return {
    state: /** @type {Call['state']} */ (state),
    app: text('app'),
    label: text('label'),
    tenant: text('tenant').toLowerCase(),
    error: text('error'),
    isFailing: text('failing') === '1',
    sort: SORTS.includes(text('sort')) ? text('sort') : 'deadline',
  };
}

/**
 * Formats a filter as a query, without the defaults.
 *
 * @param {Filter} filter
 */
export function formatFilter({ state, isFailing, sort, ...texts }) {
  const named = Object.entries(texts).filter(([, value]) => value !== '');
  const query = new URLSearchParams(named);
  if (state !== 'tracked') query.set('state', state);
  if (isFailing) query.set('failing', '1');
  if (sort !== 'deadline') query.set('sort', sort);
  return query.toString();
}

/**
 * Whether a call passes the part of the filter that the API does not apply.
 *
 * @param {Filter} filter
 * @param {Call} call
 */
export function matches({ tenant, error, isFailing }, call) {
  if (tenant !== '' && !call.tenantId.startsWith(tenant)) return false;
  if (isFailing && call.consecutiveFailures === 0) return false;
  if (error === '') return true;
  const { lastError } = call;
  if (lastError === null) return false;
  const { status, code, message } = lastError;
  const words = [String(status ?? 'no answer'), code ?? ''].map((word) => word.toLowerCase());
  const wanted = error.toLowerCase();
  return words.includes(wanted) || message.toLowerCase().includes(wanted);
}

/**
 * @param {Filter} filter
 * @returns {(a: Call, b: Call) => number}
 */
export function orderOf({ sort }) {
  // Of calls that left the schedule, the latest comes first.
  const byDeadline = (/** @type {Call} */ a, /** @type {Call} */ b) =>
    compare(b.goneAt ?? '', a.goneAt ?? '') || compare(a.deadlineAt, b.deadlineAt);
  if (sort === 'failures') {
    return (a, b) => b.consecutiveFailures - a.consecutiveFailures || byDeadline(a, b);
  }
  if (sort === 'app') {
    return (a, b) => compare(a.app, b.app) || compare(a.tenantId, b.tenantId) || byDeadline(a, b);
  }
  return byDeadline;
}

/**
 * @param {string} a
 * @param {string} b
 */
function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}
