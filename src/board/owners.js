/** @import { Owner } from '../client/api.ts' */
/** @import { Api } from './api.js' */
import { Refused } from './api.js';
import { byId, write } from './dom.js';
import { count, time } from './format.js';
import { OwnersTable } from './owners-table.js';
import { seen, sleep } from './sleep.js';

const EVERY_MS = 5_000;
/**
 * The pause between two reads, as a multiple of the time that the last one took: the replica reads
 * all owners for each.
 */
const PAUSE = 10;
const LONGEST_PAUSE_MS = 60_000;
const MOST_SHOWN = 20;

/** The owners of calls and their leases. The section is hidden while there are none. */
export class Owners {
  #table;
  /** @type {readonly Owner[]} lapsed owners first */
  #owners = [];
  #answeredAt = 0;

  /** @param {() => number} now epoch ms, by the clock of the replica */
  constructor(now) {
    this.#table = new OwnersTable(byId('owners'), now);
    setInterval(() => this.#table.tick(), 1_000);
  }

  /** The owners whose calls will be stopped, the soonest first. */
  get lapsed() {
    return this.#owners.filter(({ state, tracked }) => state === 'lapsed' && tracked > 0);
  }

  /** @param {boolean} isUp */
  redisIs(isUp) {
    this.#table.redisIs(isUp);
  }

  /**
   * Reads and shows the owners until the signal aborts or the key is refused; main.js then asks for
   * another key.
   *
   * @param {Api} api
   * @param {AbortSignal} signal
   */
  async run(api, signal) {
    for (;;) {
      await seen(signal);
      if (signal.aborted) return;
      const startedAt = performance.now();
      let pauseMs = EVERY_MS;
      try {
        const { owners, isAll } = await read(api, signal);
        const tookMs = performance.now() - startedAt;
        pauseMs = Math.max(EVERY_MS, Math.min(LONGEST_PAUSE_MS, tookMs * PAUSE));
        this.#show(owners, isAll);
      } catch (error) {
        if (error instanceof Refused && error.isForWantOfAKey) return;
        if (!signal.aborted) this.#missed();
      }
      await sleep(pauseMs, signal);
    }
  }

  /**
   * @param {readonly Owner[]} owners
   * @param {boolean} isAll
   */
  #show(owners, isAll) {
    this.#owners = owners.toSorted(byUrgency);
    this.#answeredAt = Date.now();
    byId('owners-section').hidden = owners.length === 0;
    write(byId('owners-state'), '');
    this.#table.show(this.#owners.slice(0, MOST_SHOWN));
    const more = owners.length - MOST_SHOWN;
    byId('owners-more').hidden = more <= 0;
    write(byId('owners-more'), `and ${isAll ? '' : 'at least '}${count(more)} more`);
  }

  /** Says how old the list is, because its countdowns go on without an answer. */
  #missed() {
    if (this.#answeredAt === 0) return;
    const at = time(this.#answeredAt);
    write(byId('owners-state'), `No answer. This is how it was at ${at}. Trying again.`);
  }
}

/**
 * Reads a page of the owners and, if there are more, a page of the lapsed ones.
 *
 * @param {Api} api
 * @param {AbortSignal} signal
 */
async function read(api, signal) {
  const { owners, next } = await api.owners({}, signal);
  if (next === null) return { owners, isAll: true };
  const { owners: lapsed } = await api.owners({ state: 'lapsed' }, signal);
  const names = new Set(lapsed.map(({ owner, app }) => `${owner}@${app}`));
  const others = owners.filter(({ owner, app }) => !names.has(`${owner}@${app}`));
  return { owners: [...lapsed, ...others], isAll: false };
}

/**
 * Lapsed owners come first, sorted by when their calls are stopped; the others stay sorted by name.
 *
 * @param {Owner} a
 * @param {Owner} b
 */
function byUrgency(a, b) {
  const at = (/** @type {Owner} */ { state, stopsAt }) =>
    state === 'lapsed' && stopsAt !== null ? Date.parse(stopsAt) : Number.MAX_VALUE;
  return at(a) - at(b);
}
