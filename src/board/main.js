// The board: one page over the API. It asks with the key that it is given, which stays in this
// tab's session storage, and shows what it is told as text.
/** @import { GetOverviewAnswer } from '../client/api.ts' */
import { Api, Refused } from './api.js';
import { CallView } from './call.js';
import { byId, byIdAs, write } from './dom.js';
import { EventList, showEventsState } from './events.js';
import { follow } from './follow.js';
import { askForKey, forgetKey, readKey } from './key.js';
import { Notices } from './notices.js';
import { OverviewView } from './overview.js';
import { seen, sleep } from './sleep.js';

const EVERY_MS = 2_000;

/** By how much the clock of the replica is ahead of this one, in ms. */
let aheadMs = 0;
const now = () => Date.now() + aheadMs;

const notices = new Notices();
const overviewView = new OverviewView(now);
const events = new EventList(byId('events'), { withCall: true });
let session = new AbortController();
let page = new AbortController();
let api = new Api(readKey());

/** Asks until the key does not do (any more); then for another key. */
async function run() {
  const { signal } = session;
  let isFollowing = false;
  while (!signal.aborted) {
    await seen(signal);
    try {
      const overview = await api.overview(signal);
      show(overview);
      if (!isFollowing) void followAll(overview, signal);
      isFollowing = true;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.isForWantOfAKey) return refuse(error);
      notices.noAnswer(error instanceof Refused ? error.message : null);
    }
    await sleep(EVERY_MS, signal);
  }
}

/** @param {GetOverviewAnswer} overview */
function show(overview) {
  aheadMs = Date.parse(overview.at) - Date.now();
  if (byId('overview').dataset.asked === undefined) open();
  notices.answered(overview);
  overviewView.show(overview);
}

/**
 * The events of the last turn of the wheel, and then those that come.
 *
 * @param {GetOverviewAnswer} overview
 * @param {AbortSignal} signal
 */
function followAll({ intervalMs }, signal) {
  const after = `${Math.round(now() - intervalMs)}-0`;
  const onEvent = (/** @type {Parameters<EventList['add']>[0]} */ event) => events.add(event);
  return follow(api, { after, onEvent, onState: showEventsState, signal });
}

/** The first answer is there: from now on there is something to see. */
function open() {
  byId('overview').dataset.asked = '';
  byId('search').hidden = false;
  byId('forget').hidden = readKey() === null;
  byId('gate').hidden = true;
  route();
}

/** @param {Refused} error */
function refuse(error) {
  session.abort();
  page.abort();
  delete byId('overview').dataset.asked;
  for (const id of ['overview', 'call', 'search', 'forget']) byId(id).hidden = true;
  notices.clear();
  askForKey(error, (key) => {
    session = new AbortController();
    api = new Api(key);
    void run();
  });
}

/** Shows the page that the address names. */
function route() {
  if (location.hash === '#main' || byId('overview').dataset.asked === undefined) return;
  page.abort();
  page = new AbortController();
  const id = /^#\/calls\/([\w-]{8,128})$/.exec(location.hash)?.[1];
  const wasCall = !byId('call').hidden;
  byId('call').hidden = id === undefined;
  byId('overview').hidden = id !== undefined;
  document.title = id === undefined ? 'Callkeeper' : `${id} – Callkeeper`;
  if (id !== undefined) void new CallView(id, now).run(api, page.signal);
  else if (wasCall) byId('main').focus();
}

byIdAs('search', HTMLFormElement).addEventListener('submit', (submitted) => {
  submitted.preventDefault();
  const id = byIdAs('search-id', HTMLInputElement).value.trim();
  const isId = /^[A-Za-z0-9][\w-]{7,127}$/.test(id);
  write(byId('search-fault'), isId ? '' : 'An id is 8 to 128 letters, digits, - and _.');
  if (isId) location.hash = `#/calls/${id}`;
});
byId('forget').addEventListener('click', () => {
  forgetKey();
  location.reload();
});
addEventListener('hashchange', route);
void run();
