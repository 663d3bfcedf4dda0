/** @import { Call } from '../client/api.ts' */
import { html, write } from './dom.js';

/** @typedef {NonNullable<Call['lastError']>} CallError */

/** Limit of failed requests on the page. */
const MOST = 20;

/** The failed requests of a call with what Microsoft support asks for, the newest first. */
export class Evidence {
  /** @type {CallError[]} */
  #errors = [];
  #text = html('pre', { tabindex: 0, 'aria-label': 'Evidence' });
  #copied = html('span', { role: 'status' });
  section = html('section', { 'aria-labelledby': 'evidence-title', hidden: true });

  constructor() {
    const button = html('button', { type: 'button' }, 'Copy');
    button.addEventListener('click', () => this.#copy());
    this.section.append(
      html('h2', { id: 'evidence-title' }, 'Evidence for Microsoft support'),
      html('p', { class: 'copying' }, button, this.#copied),
      this.#text,
    );
  }

  /** @param {Call} call */
  gather({ id, lastError, tenantId }) {
    if (lastError === null || this.#errors.some((known) => isSame(known, lastError))) return;
    const newestFirst = [lastError, ...this.#errors].sort((a, b) => (a.at < b.at ? 1 : -1));
    this.#errors = newestFirst.slice(0, MOST);
    this.section.hidden = false;
    const call = `POST /communications/calls/${id}/keepAlive\ncall: ${id}\ntenant: ${tenantId}`;
    write(this.#text, [call, ...this.#errors.map(describe)].join('\n\n'));
  }

  /** Without TLS, browsers allow the clipboard only on localhost. */
  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#text.textContent ?? '');
      write(this.#copied, 'Copied.');
    } catch {
      getSelection()?.selectAllChildren(this.#text);
      write(this.#copied, 'Selected: copy it with the keyboard.');
    }
  }
}

/**
 * @param {CallError} a
 * @param {CallError} b
 */
function isSame(a, b) {
  return a.at === b.at && a.clientRequestId === b.clientRequestId;
}

/** @param {CallError} error */
function describe(error) {
  return [
    `time: ${error.at}`,
    `status: ${error.status ?? 'no answer'}`,
    `code: ${error.code ?? '–'}`,
    `message: ${error.message}`,
    `request-id: ${error.requestId ?? '–'}`,
    `client-request-id: ${error.clientRequestId ?? '–'}`,
    `Date: ${error.date ?? '–'}`,
    `x-ms-ags-diagnostic: ${error.diagnostic ?? '–'}`,
  ].join('\n');
}
