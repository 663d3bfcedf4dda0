// The board: a page that shows what the API answers. It sends the key that the user enters, which
// stays in the session storage of this tab. All data is shown as text.
/** @import { Overview } from '../client/api.ts' */
import { Api, Refused } from './api.js';
import { CallView } from './call.js';
import { byId, byIdAs, set, write } from './dom.js';
import { EventList, EventsState } from './events.js';
import { follow } from './follow.js';
import { askForKey, forgetKey, readKey } from './key.js';
import { ListView } from './list.js';
import { Losses } from './losses.js';
import { Notices } from './notices.js';
import { OverviewView } from './overview.js';
import { Owners } from './owners.js';
import { Replicas } from './replicas.js';
import { seen, sleep } from './sleep.js';

const EVERY_MS = 2_000;

/** How far the clock of the replica is ahead of this machine's, in ms. */
let aheadMs = 0;
const now = () => Date.now() + aheadMs;

const notices = new Notices();
const overviewView = new OverviewView(now);
const replicas = new Replicas();
const losses = new Losses(now);
const owners = new Owners(now);
const eventsState = new EventsState();
const events = new EventList(byId('events'), { withCall: true });
const api = new Api(readKey());
/** Aborts when the key is refused. */
const session = new AbortController();
/** Aborts when the user leaves the page that is open. */
let page = new AbortController();
/** Whether the API has answered: until then the board shows nothing. */
let isOpen = false;
/** Whether the key has the scope `track`. */
let mayTrack = false;
let deadlineMs = 0;

async function run() {
  const { signal } = session;
  while (!signal.aborted) {
    await seen(signal);
    try {
      show(await api.overview(signal));
    } catch (error) {
      if (error instanceof Refused && error.isForWantOfAKey) refuse(error);
      else notices.noAnswer(error instanceof Refused ? error.message : null);
    }
    await sleep(EVERY_MS, signal);
  }
}

/** @param {Overview} overview */
function show(overview) {
  aheadMs = Date.parse(overview.at) - Date.now();
  mayTrack = overview.scopes.some((scope) => scope === 'track' || scope === 'admin');
  deadlineMs = overview.deadlineMs;
  if (!isOpen) open(overview);
  overviewView.show(overview);
  replicas.show(overview);
  eventsState.redisIs(overview.redis.up);
  owners.redisIs(overview.redis.up);
  notices.answered(overview, {
    lost: losses.within(overview.deadlineMs),
    stopped: losses.stoppedWithin(overview.deadlineMs),
    lapsed: owners.lapsed,
  });
}

/** @param {Overview} overview */
function open({ deadlineMs }) {
  isOpen = true;
  byId('search').hidden = false;
  byId('forget').hidden = readKey() === null;
  route();
  void owners.run(api, session.signal);
  void follow(api, {
    // Also the events of the last deadline: calls may have been lost in it.
    after: `${Math.round(now() - deadlineMs)}-0`,
    onEvent: (event) => {
      events.add(event);
      losses.gather(event);
    },
    onState: (isLive) => eventsState.streamIs(isLive),
    signal: session.signal,
  });
}

/** @param {Refused} error */
function refuse(error) {
  session.abort();
  // The next key may not be allowed to see what this one has shown.
  if (isOpen) location.reload();
  else askForKey(error);
}

/** Shows the page that the address names. */
function route() {
  if (!isOpen) return;
  page.abort();
  page = new AbortController();
  const { signal } = page;
  const id = /^#\/calls\/([\w-]{8,128})$/.exec(location.hash)?.[1];
  const query = /^#\/calls(?:\?(.*))?$/.exec(location.hash);
  const isOverview = id === undefined && query === null;
  const wasElsewhere = !byId('call').hidden || !byId('calls').hidden;
  byId('call').hidden = id === undefined;
  byId('calls').hidden = query === null;
  byId('overview').hidden = !isOverview;
  for (const [name, isHere] of Object.entries({ overview: isOverview, calls: query !== null })) {
    set(byId(`to-${name}`), { 'aria-current': isHere && 'page' });
  }
  document.title = titleOf(id, isOverview);
  if (id !== undefined)
    void new CallView(id, { now, mayTrack: () => mayTrack, api, signal }).run(api, signal);
  else if (query !== null) void new ListView(query[1] ?? '', now, deadlineMs).run(api, signal);
  else if (wasElsewhere) byId('main').focus({ preventScroll: true });
}

/**
 * @param {string | undefined} id
 * @param {boolean} isOverview
 */
function titleOf(id, isOverview) {
  if (id !== undefined) return `${id} – Callkeeper`;
  return isOverview ? 'Callkeeper' : 'Calls – Callkeeper';
}

// The link must not change the address, which names the page.
byId('skip').addEventListener('click', (clicked) => {
  clicked.preventDefault();
  byId('main').focus();
});

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
