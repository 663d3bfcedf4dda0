/** @import { Overview } from '../client/api.ts' */
import { byId, html, list, write } from './dom.js';
import { minute, span } from './format.js';

/** @typedef {Overview['incidents'][number]} Incident */

const MOST = 20;

/** The incidents of the last day, including those that are over. */
export class Incidents {
  /** @param {Overview} overview */
  show({ incidents }) {
    byId('incidents-none').hidden = incidents.length > 0;
    list(
      byId('incidents'),
      incidents.slice(0, MOST),
      ({ kind, from, text }) => `${kind} ${from} ${text.replace(/[\d,]+ calls?/, '')}`,
      ({ kind }) => html('li', { 'data-kind': kind }, html('time'), html('p')),
      (item, incident) => {
        const [when, what] = item.children;
        if (when) write(when, minute(incident.from));
        if (what) write(what, `${incident.text}${duration(incident)}`);
      },
    );
  }
}

/** @param {Incident} incident */
function duration({ kind, from, until }) {
  if (kind === 'replica') return '';
  if (until === null) return ', and is still';
  const ms = Date.parse(until) - Date.parse(from);
  return ms < 1_000
    ? ''
    : kind === 'redis' || kind === 'failing'
      ? `, for ${span(ms)}`
      : `, within ${span(ms)}`;
}
