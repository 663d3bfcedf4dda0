/** @import { Api } from './api.js' */
import { html, list, write } from './dom.js';
import { count, time } from './format.js';

/** The last keepAlives of a call that the replica that answers has sent. */
export class Attempts {
  #caption = html('p', { class: 'small' });
  #rows = html('tbody');
  section = html(
    'section',
    { 'aria-labelledby': 'attempts-title', hidden: true },
    html('h2', { id: 'attempts-title' }, 'Last keepAlives'),
    this.#caption,
    html(
      'table',
      {},
      html(
        'thead',
        {},
        html(
          'tr',
          {},
          ...['At', 'Outcome', 'Status and code', 'Took'].map((name) =>
            html('th', { scope: 'col', class: name === 'Took' ? 'number' : '' }, name),
          ),
        ),
      ),
      this.#rows,
    ),
  );

  /**
   * @param {Api} api
   * @param {string} id
   * @param {AbortSignal} signal
   */
  async read(api, id, signal) {
    const { replica, attempts } = await api.attempts(id, signal);
    this.section.hidden = attempts.length === 0;
    write(this.#caption, `Sent by ${replica}. Other replicas may have sent more.`);
    list(
      this.#rows,
      attempts,
      ({ at }) => at,
      () =>
        html(
          'tr',
          {},
          html('th', { scope: 'row', class: 'instant' }),
          html('td'),
          html('td'),
          html('td', { class: 'number' }),
        ),
      (row, { at, outcome, status, code, durationMs }) => {
        const took = durationMs === null ? 'not sent' : `${count(durationMs)} ms`;
        const fault = [status, code].filter((part) => part !== null).join(' ');
        for (const [i, text] of [time(at), outcome, fault, took].entries()) {
          const cell = row.children[i];
          if (cell) write(cell, text);
        }
      },
    );
  }
}
