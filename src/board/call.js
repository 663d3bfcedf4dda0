/** @import { Call } from '../client/api.ts' */
/** @import { Api } from './api.js' */
import { Actions } from './actions.js';
import { Refused } from './api.js';
import { Attempts } from './attempts.js';
import { factsOf } from './call-facts.js';
import { byId, html, set, write } from './dom.js';
import { EventList } from './events.js';
import { Evidence } from './evidence.js';
import { follow } from './follow.js';
import { seen, sleep } from './sleep.js';

const EVERY_MS = 2_000;
/** The place before all stored events. */
const START = '0-0';

const STATES = {
  tracked: 'tracked',
  ended: 'ended: Graph said so',
  expired: 'expired: its deadline passed with no success',
  untracked: 'stopped',
};
/** Replaces the state: "stopped" alone would suggest that somebody requested it. */
const OWNER_LOST = 'stopped: its owner did not renew its lease';

/** The page at `#/calls/ID`. It shows one call until the signal aborts. */
export class CallView {
  #id;
  #now;
  /** @type {Call | null} */
  #call = null;
  #state = html('p', { class: 'call-state' });
  #facts = html('dl', { class: 'facts' });
  /** @type {Map<string, HTMLElement>} */
  #values = new Map();
  #history = html('ol', { class: 'events' });
  #events = new EventList(this.#history, { withCall: false });
  #evidence = new Evidence();
  #attempts = new Attempts();
  #mayTrack;
  #actions;
  #name;

  /**
   * @param {string} id
   * @param {object} options
   * @param {() => number} options.now epoch ms, by the clock of the replica
   * @param {() => boolean} options.mayTrack whether the key has the scope `track`
   * @param {Api} options.api
   * @param {AbortSignal} options.signal
   */
  constructor(id, { now, mayTrack, api, signal }) {
    this.#id = id;
    this.#now = now;
    this.#mayTrack = mayTrack;
    this.#actions = new Actions(api, id, { signal, onDone: () => this.#read(api, signal) });
    this.#name = html('code', {}, id);
    const title = html('h1', { id: 'call-title', tabindex: -1 }, 'Call ', this.#name);
    const history = html('h2', { id: 'history-title' }, 'History');
    byId('call').replaceChildren(
      html(
        'p',
        {},
        html('a', { href: '#/' }, '← Overview'),
        ' · ',
        html('a', { href: '#/calls' }, 'All calls'),
      ),
      title,
      this.#state,
      this.#actions.element,
      this.#facts,
      html('section', { 'aria-labelledby': 'history-title' }, history, this.#history),
      this.#attempts.section,
      this.#evidence.section,
    );
    title.focus({ preventScroll: true });
    scrollTo(0, 0);
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
        if (event.call) this.#evidence.gather(event.call);
      },
      onState: () => undefined,
      signal,
    });
    const ticking = setInterval(() => this.#tick(), 1_000);
    while (!signal.aborted) {
      await seen(signal);
      await this.#read(api, signal);
      await sleep(EVERY_MS, signal);
    }
    clearInterval(ticking);
  }

  /**
   * @param {Api} api
   * @param {AbortSignal} signal
   */
  async #read(api, signal) {
    try {
      this.#show(await api.call(this.#id, signal));
      await this.#attempts.read(api, this.#id, signal);
    } catch (error) {
      // Without an answer, main.js shows a notice.
      if (error instanceof Refused && !signal.aborted) this.#refused(error);
    }
  }

  /** @param {Refused} error */
  #refused({ status, message }) {
    set(this.#state, { 'data-state': 'unknown' });
    const unknown = 'It is not tracked, and was not within the last 24 hours.';
    write(this.#state, status === 404 ? unknown : message);
  }

  /** @param {Call} call */
  #show(call) {
    this.#call = call;
    // The user may have typed a GUID in capitals.
    write(this.#name, call.id);
    const isFailing = call.state === 'tracked' && call.consecutiveFailures > 0;
    const failing = `tracked, failing: ${call.lastError?.message ?? ''}`;
    const state = call.reason === 'owner-lost' ? OWNER_LOST : STATES[call.state];
    set(this.#state, { 'data-state': isFailing ? 'failing' : call.state });
    write(this.#state, isFailing ? failing : state);
    this.#actions.show(call.state === 'tracked' && this.#mayTrack());
    this.#tick();
    this.#evidence.gather(call);
  }

  /** Updates what changes with the time. */
  #tick() {
    if (this.#call === null) return;
    for (const [name, value] of Object.entries(factsOf(this.#call, this.#now()))) {
      this.#fact(name, value);
    }
  }

  /**
   * @param {string} name
   * @param {string} value '' hides it
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
}
