/** @import { Overview, Owner } from '../client/api.ts' */
/** @import { Notice } from './notices.js' */
/** @import { Stopped } from './losses.js' */
import { count, itsCalls, plural, roundSpan, time } from './format.js';

/** Limit of owners, or of calls, that a notice names. */
const MOST_NAMED = 3;

/**
 * Says when calls will be stopped, not how much time is left: screen readers repeat a notice
 * whenever it changes.
 *
 * @param {readonly Owner[]} lapsed owners whose calls will be stopped, the soonest first
 * @param {Overview} overview
 * @returns {readonly Notice[]}
 */
export function lapseOf(lapsed, { at, redis }) {
  const [first] = lapsed;
  if (!first) return [];
  const isOne = lapsed.length === 1;
  const calls = lapsed.reduce((sum, { tracked }) => sum + tracked, 0);
  const which = isOne ? itsCalls(calls) : `their ${plural(calls, 'call')} are`;
  const who = isOne
    ? `${first.owner} has not renewed its lease`
    : `${namesOf(lapsed)} have not renewed their leases`;
  const when = redis.up ? whenStopped(first, isOne, at) : 'not stopped while Redis is out';
  return [{ key: 'lapsed', text: `${who}: ${which} ${when}.` }];
}

/**
 * @param {Owner} owner
 * @param {boolean} isOne
 * @param {string} now by the clock of the replica
 */
function whenStopped({ stopsAt }, isOne, now) {
  if (stopsAt === null || Date.parse(stopsAt) <= Date.parse(now)) return 'being stopped';
  return isOne
    ? `stopped at ${time(stopsAt)} unless it does`
    : `stopped unless they do, the first of them at ${time(stopsAt)}`;
}

/** @param {readonly Owner[]} owners */
function namesOf(owners) {
  const names = owners.slice(0, MOST_NAMED).map(({ owner }) => owner);
  const more = owners.length - names.length;
  if (more > 0) return `${names.join(', ')} and ${count(more)} more`;
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/**
 * Says that calls were stopped because their owners did not renew their leases.
 *
 * @param {Stopped} stopped
 * @param {number} ms how long ago at most they were stopped
 * @returns {readonly Notice[]}
 */
export function stopOf({ ids, owners, isAll }, ms) {
  if (ids.length === 0) return [];
  const [first = ''] = owners;
  const isOne = owners.length === 1;
  const of = isOne ? first : plural(owners.length, 'owner');
  const calls = `${isAll ? '' : 'At least '}${plural(ids.length, 'call')} of ${of}`;
  const why = isOne ? 'it did not renew its lease' : 'they did not renew their leases';
  const text = `${calls} ${ids.length === 1 ? 'was' : 'were'} stopped within the last ${roundSpan(ms)}: ${why}.`;
  return [{ key: 'stopped', text, calls: ids.slice(0, MOST_NAMED), isMild: true }];
}
