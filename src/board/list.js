/** @import { Call } from '../client/api.ts' */
/** @import { Api } from './api.js' */
/** @import { Filter } from './filter.js' */
import { Refused } from './api.js';
import { CallsTable } from './calls-table.js';
import { byId, byIdAs, set, write } from './dom.js';
import { formatFilter, matches, orderOf, parseFilter } from './filter.js';
import { count, plural, time } from './format.js';

/** How many rows the page shows at first, and adds with each click on the button. */
const ROWS = 100;
/** Limit of calls that match; the page says if there are more. */
const MOST_HELD = 10_000;

/** The heading above the times at which calls left the schedule. */
const GONE = { tracked: '', ended: 'Ended', expired: 'Lost', untracked: 'Stopped' };

/** The page at `#/calls?…`: the calls that match the filter in the address. */
export class ListView {
  #filter;
  #table;
  #deadlineMs;
  /** @type {Call[]} */
  #calls = [];
  #shown = ROWS;

  /**
   * @param {string} query
   * @param {() => number} now epoch ms, by the clock of the replica
   * @param {number} deadlineMs
   */
  constructor(query, now, deadlineMs) {
    this.#filter = parseFilter(query);
    this.#deadlineMs = deadlineMs;
    this.#table = new CallsTable(byId('list'), now);
    fill(this.#filter);
  }

  /**
   * @param {Api} api
   * @param {AbortSignal} signal
   */
  async run(api, signal) {
    const form = byIdAs('list-form', HTMLFormElement);
    form.addEventListener('change', () => apply(), { signal });
    form.addEventListener(
      'submit',
      (submitted) => {
        submitted.preventDefault();
        // If the filter has not changed, the address has not either: read again.
        if (!apply()) void this.#read(api, signal);
      },
      { signal },
    );
    byId('list-more').addEventListener('click', () => this.#showMore(), { signal });
    const ticking = setInterval(() => this.#table.tick(), 1_000);
    signal.addEventListener('abort', () => clearInterval(ticking));
    await this.#read(api, signal);
  }

  /**
   * @param {Api} api
   * @param {AbortSignal} signal
   */
  async #read(api, signal) {
    /** @type {Call[]} */
    const found = [];
    let read = 0;
    let cursor = '';
    write(byId('list-state'), 'Reading…');
    try {
      do {
        const page = await api.calls({ ...this.#filter, cursor }, signal);
        read += page.calls.length;
        found.push(...page.calls.filter((call) => matches(this.#filter, call)));
        cursor = page.next ?? '';
        if (cursor !== '') write(byId('list-state'), `Reading: ${plural(read, 'call')} so far…`);
      } while (cursor !== '' && found.length < MOST_HELD);
    } catch (error) {
      if (signal.aborted) return;
      const why = error instanceof Refused ? error.message : 'no answer';
      write(byId('list-state'), `The calls could not be read: ${why}.`);
      return;
    }
    this.#calls = found.sort(orderOf(this.#filter));
    const more = cursor === '' ? '' : 'at least ';
    const of = read === found.length ? '' : ` of ${count(read)}`;
    const calls = `${count(found.length)}${of} ${read === 1 ? 'call' : 'calls'}`;
    const were = found.length === 1 ? 'as it was' : 'as they were';
    const some = `${more}${calls}, ${were} at ${time(Date.now())}.`;
    write(byId('list-state'), found.length === 0 ? 'No call fits this filter.' : some);
    this.#show();
  }

  #showMore() {
    this.#shown += ROWS;
    this.#show();
  }

  #show() {
    this.#table.show(this.#calls.slice(0, this.#shown), this.#deadlineMs);
    const rest = this.#calls.length - this.#shown;
    byId('list-table').hidden = this.#calls.length === 0;
    byId('list-more').hidden = rest <= 0;
    write(
      byId('list-more'),
      `Show ${count(Math.min(ROWS, rest))} more of ${count(Math.max(0, rest))}`,
    );
  }
}

/**
 * Writes the filter of the form into the address, which opens its page.
 *
 * @returns {boolean} whether it has changed
 */
function apply() {
  const values = new FormData(byIdAs('list-form', HTMLFormElement));
  const text = (/** @type {string} */ name) => String(values.get(name) ?? '');
  const asked = ['state', 'app', 'tenant', 'label', 'error', 'sort', 'failing'];
  const query = formatFilter(
    parseFilter(new URLSearchParams(asked.map((name) => [name, text(name)])).toString()),
  );
  const hash = query === '' ? '#/calls' : `#/calls?${query}`;
  if (hash === location.hash) return false;
  location.hash = hash;
  return true;
}

/** @param {Filter} filter */
function fill({ isFailing, ...texts }) {
  for (const [name, value] of Object.entries(texts)) {
    const field = byId(name === 'state' ? 'list-state-of' : `list-${name}`);
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement)
      field.value = value;
  }
  byIdAs('list-failing', HTMLInputElement).checked = isFailing;
  const isTracked = texts.state === 'tracked';
  write(byId('list-left'), isTracked ? 'Left' : GONE[texts.state]);
  write(byId('list-next'), isTracked ? 'Next keepAlive' : 'Last renewed');
  write(byId('list-by-time'), isTracked ? 'time left' : 'latest');
  set(byId('list-table'), { hidden: true });
}
