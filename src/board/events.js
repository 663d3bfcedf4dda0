/** @import { Call, Event, Owner } from '../client/api.ts' */
import { byId, html, list, write } from './dom.js';
import { itsCalls, time } from './format.js';

/** Limit of events on the page. */
const MOST = 25;
/** The shortest time between two updates of the list, in ms. */
const DRAW_MS = 300;

/** The type of an event, in one or two words. */
const WORDS = {
  'call.tracked': 'tracked',
  'call.ended': 'ended',
  'call.expired': 'expired',
  'call.untracked': 'stopped',
  'call.at-risk': 'at risk',
  'call.recovered': 'recovered',
  'owner.lapsed': 'lapsed',
  'owner.renewed': 'renewed',
};

/** The latest events, newest first. */
export class EventList {
  /** @type {Event[]} */
  #events = [];
  #ids = new Set();
  #list;
  #withCall;
  #drawing = 0;

  /**
   * @param {Element} list
   * @param {{ withCall: boolean }} options whether each event names its call or owner
   */
  constructor(list, { withCall }) {
    this.#list = list;
    this.#withCall = withCall;
  }

  /** @param {Event} event */
  add(event) {
    // The stream may repeat events.
    if (this.#ids.has(event.id)) return;
    this.#ids.add(event.id);
    this.#events.unshift(event);
    for (const old of this.#events.splice(MOST)) this.#ids.delete(old.id);
    this.#drawing ||= window.setTimeout(() => this.#draw(), DRAW_MS);
  }

  #draw() {
    this.#drawing = 0;
    list(
      this.#list,
      this.#events,
      ({ id }) => id,
      (event) => this.#make(event),
      () => undefined,
    );
  }

  /** @param {Event} event */
  #make({ type, timestamp, call, owner }) {
    const at = html('time', { datetime: timestamp }, time(timestamp));
    const what = html('span', { class: 'kind', 'data-type': type }, WORDS[type] ?? type);
    const name = call
      ? html('a', { href: `#/calls/${call.id}` }, call.id)
      : html('span', { class: 'owner' }, owner?.owner ?? '');
    const why = (call && whyCall(type, call)) ?? (owner && whyOwner(type, owner)) ?? '';
    const more = why === '' ? [] : [html('p', {}, why)];
    return html('li', {}, at, what, ...(this.#withCall ? [name] : []), ...more);
  }
}

/**
 * @param {Event['type']} type
 * @param {Call} call
 */
function whyCall(type, { lastError, owner, reason, resultInfo }) {
  if (type === 'call.untracked' && reason === 'owner-lost') {
    return `${owner ?? 'its owner'} did not renew its lease`;
  }
  // Graph answers 404 for every ended call, so that error says nothing new.
  const error = type === 'call.ended' ? null : lastError;
  return resultInfo?.message ?? error?.message ?? '';
}

/**
 * @param {Event['type']} type
 * @param {Owner} owner as it was then
 */
function whyOwner(type, { tracked, stopsAt }) {
  if (tracked === 0) return '';
  const calls = itsCalls(tracked);
  if (type === 'owner.renewed') return `${calls} kept alive`;
  return stopsAt === null ? '' : `${calls} stopped at ${time(stopsAt)} unless it renews its lease`;
}

/** Shows whether events come, and if not, why. */
export class EventsState {
  #isLive = true;
  #isRedisUp = true;

  /** @param {boolean} isLive */
  streamIs(isLive) {
    this.#isLive = isLive;
    this.#show();
  }

  /** @param {boolean} isUp */
  redisIs(isUp) {
    this.#isRedisUp = isUp;
    this.#show();
  }

  #show() {
    const live = this.#isRedisUp ? 'As they happen.' : 'Redis is out: events come when it is back.';
    write(byId('events-state'), this.#isLive ? live : 'The connection broke: trying again.');
  }
}
