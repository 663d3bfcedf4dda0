/** @import { Call } from '../client/api.ts' */
/** @import { Api } from './api.js' */
import { Refused } from './api.js';
import { byId, html, set, write } from './dom.js';
import { EventList } from './events.js';
import { copy, evidence } from './evidence.js';
import { follow } from './follow.js';
import { span, time } from './format.js';
import { seen, sleep } from './sleep.js';

const EVERY_MS = 2_000;
/** Before all events that are kept. */
const START = '0-0';
/** So many failed requests are gathered. */
const MOST_ERRORS = 20;

const STATES = {
  tracked: 'tracked',
  ended: 'ended: Graph said so',
  expired: 'expired: its deadline passed with no success',
  untracked: 'stopped',
};

/** The page at `#/calls/ID`: one call, for as long as the signal lets it. */
export class CallView {
  #id;
  #now;
  /** @type {Call | null} */
  #call = null;
  /** @type {Map<string, NonNullable<Call['lastError']>>} */
  #errors = new Map();
  #state = html('p', { class: 'call-state' });
  #facts = html('dl', { class: 'facts' });
  #history = html('ol', { class: 'events' });
  #events = new EventList(this.#history, { withCall: false });
  #evidence = html('section', { 'aria-labelledby': 'evidence-title', hidden: true });
  #text = html('pre', { tabindex: 0, 'aria-label': 'Evidence' });
  #copied = html('span', { role: 'status' });
  /** @type {Map<string, HTMLElement>} */
  #values = new Map();

  /**
   * @param {string} id
   * @param {() => number} now epoch ms, by the clock of the replica
   */
  constructor(id, now) {
    this.#id = id;
    this.#now = now;
    const button = html('button', { type: 'button' }, 'Copy');
    button.addEventListener('click', () => this.#copy());
    this.#evidence.append(
      html('h2', { id: 'evidence-title' }, 'Evidence for Microsoft support'),
      html('p', { class: 'copying' }, button, this.#copied),
      this.#text,
    );
    const title = html('h1', { id: 'call-title', tabindex: -1 }, 'Call ', html('code', {}, id));
    const history = html('h2', { id: 'history-title' }, 'History');
    byId('call').replaceChildren(
      html('p', {}, html('a', { href: '#/' }, '← All calls')),
      title,
      this.#state,
      this.#facts,
      html('section', { 'aria-labelledby': 'history-title' }, history, this.#history),
      this.#evidence,
    );
    title.focus();
  }

  /**
   * @param {Api} api
   * @param {AbortSignal} signal
   */
  async run(api, signal) {
    void follow(api, {
      call: this.#id,
      after: START,
      onEvent: (event) => {
        this.#events.add(event);
        this.#gather(event.call);
      },
      onState: () => undefined,
      signal,
    });
    const ticking = setInterval(() => this.#tick(), 1_000);
    while (!signal.aborted) {
      await seen(signal);
      try {
        this.#show(await api.call(this.#id, signal));
      } catch (error) {
        // That there is no answer is said for the whole page.
        if (error instanceof Refused && !signal.aborted) this.#refused(error);
      }
      await sleep(EVERY_MS, signal);
    }
    clearInterval(ticking);
  }

  /** @param {Refused} error */
  #refused(error) {
    if (this.#call === null) set(this.#state, { 'data-state': 'unknown' });
    const isUnknown = error.status === 404;
    const text = isUnknown
      ? 'It is not tracked, nor was it within the last 24 hours.'
      : error.message;
    write(this.#state, text);
  }

  /** @param {Call} call */
  #show(call) {
    this.#call = call;
    const isFailing = call.state === 'tracked' && call.consecutiveFailures > 0;
    set(this.#state, { 'data-state': isFailing ? 'failing' : call.state });
    write(
      this.#state,
      isFailing ? `tracked, failing: ${call.lastError?.message ?? ''}` : STATES[call.state],
    );
    this.#tick();
    this.#fact(
      'Labels',
      Object.entries(call.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(', '),
    );
    this.#fact('App', call.app);
    this.#fact('Tenant', call.tenantId);
    this.#fact(
      'Failures in a row',
      call.consecutiveFailures === 0 ? '' : String(call.consecutiveFailures),
    );
    this.#fact('At risk since', instant(call.atRiskAt));
    this.#fact('Tracked', instant(call.trackedAt));
    this.#fact('Began', instant(call.startedAt));
    this.#fact('Tracked until', instant(call.trackUntil));
    this.#fact('Left the schedule', instant(call.goneAt ?? null));
    this.#fact(
      'Why',
      call.resultInfo ? `${call.resultInfo.message} (${call.resultInfo.code})` : '',
    );
    this.#fact('Webhook', call.webhookUrl ?? '');
    this.#fact('Stored', call.durable ? '' : 'not yet: Redis is out, this replica alone knows it');
    this.#gather(call);
  }

  /** What time changes as well. */
  #tick() {
    const call = this.#call;
    if (call === null) return;
    const isTracked = call.state === 'tracked';
    const from = (/** @type {string | null} */ at) =>
      at === null ? 0 : Date.parse(at) - this.#now();
    const within = (/** @type {string} */ at) =>
      `${time(at)}, ${from(at) < 0 ? 'now' : `in ${span(from(at))}`}`;
    this.#fact(
      'Deadline',
      isTracked ? `${time(call.deadlineAt)}, ${span(from(call.deadlineAt))} left` : '',
    );
    this.#fact('Next keepAlive', call.dueAt === null ? '' : within(call.dueAt));
    const renewed =
      call.renewedAt === null
        ? 'not yet'
        : `${time(call.renewedAt)}, ${span(-from(call.renewedAt))} ago`;
    this.#fact('Last renewed', isTracked || call.renewedAt !== null ? renewed : '');
  }

  /**
   * @param {string} name
   * @param {string} value '': it is not shown
   */
  #fact(name, value) {
    let shown = this.#values.get(name);
    if (!shown) {
      shown = html('dd');
      this.#values.set(name, shown);
      this.#facts.append(html('div', {}, html('dt', {}, name), shown));
    }
    write(shown, value);
    if (shown.parentElement) shown.parentElement.hidden = value === '';
  }

  /** @param {Call} call */
  #gather({ lastError }) {
    if (lastError !== null) this.#errors.set(lastError.clientRequestId ?? lastError.at, lastError);
    if (this.#errors.size === 0) return;
    const newestFirst = [...this.#errors.values()].sort((a, b) => (a.at < b.at ? 1 : -1));
    this.#evidence.hidden = false;
    if (this.#call) write(this.#text, evidence(this.#call, newestFirst.slice(0, MOST_ERRORS)));
  }

  async #copy() {
    const text = this.#text.textContent ?? '';
    if (await copy(text)) {
      write(this.#copied, 'Copied.');
    } else {
      getSelection()?.selectAllChildren(this.#text);
      write(this.#copied, 'Selected: copy it with the keyboard.');
    }
  }
}

/** @param {string | null} at */
function instant(at) {
  return at === null ? '' : time(at);
}
