/** @import { Overview, Owner } from '../client/api.ts' */
/** @import { Stopped } from './losses.js' */
import { byId, html, list, write } from './dom.js';
import { count, plural, roundSpan, time } from './format.js';
import { lapseOf, stopOf } from './owner-notices.js';

/** After so long without an answer it is said; one that is late is none yet. */
const GRACE_MS = 4_000;
/** Of the calls that were lost so many are named. */
const MOST_NAMED = 3;

/**
 * @typedef {object} Notice
 * @property {string} key
 * @property {string} text
 * @property {readonly string[]} [calls] the ids of the calls that it is about
 * @property {boolean} [isMild] worth knowing, but nothing is wrong yet
 */

/** Shows what is wrong for as long as it is wrong, and announces it once to screen readers. */
export class Notices {
  #answeredAt = Date.now();
  /** @type {readonly Notice[]} by the last answer */
  #known = [];
  #failing = false;
  #isOut = false;

  /**
   * @param {Overview} overview
   * @param {object} seen what the overview does not say
   * @param {readonly string[]} seen.lost the ids of calls that were lost lately
   * @param {Stopped} seen.stopped calls whose owner was lost lately
   * @param {string} seen.missed of replicas, or ''
   * @param {readonly Owner[]} seen.lapsed owners whose calls will be stopped, the soonest first
   */
  answered(overview, { lost, stopped, missed, lapsed }) {
    const { version, intervalMs, deadlineMs, failing, atRisk } = overview;
    if (this.#isOut) this.#announce('Answers again.');
    this.#isOut = false;
    this.#answeredAt = Date.now();
    const found = faults(overview);
    if (lost.length > 0) found.unshift(lossOf(lost, deadlineMs));
    found.push(...lapseOf(lapsed, overview));
    const mild = missed === '' ? [] : [{ key: 'missed', text: missed, isMild: true }];
    this.#known = [...found, ...stopOf(stopped, deadlineMs), ...mild];
    this.#show(this.#known);
    if (failing > 0 !== this.#failing) {
      this.#announce(
        failing > 0 ? `${plural(failing, 'call')} failing.` : 'No tracked call fails any more.',
      );
    }
    this.#failing = failing > 0;
    const isWell = failing === 0 && atRisk === 0 && found.length === 0;
    this.#state(
      isWell ? 'well' : 'ill',
      isWell ? 'All well' : summary(overview, lost.length, lapsed.length),
    );
    const wheel = `a keepAlive every ${roundSpan(intervalMs)}, a deadline of ${roundSpan(deadlineMs)}`;
    write(byId('about'), `Callkeeper ${version}: ${wheel}`);
  }

  /** @param {string | null} problem what the answer said, where there was one */
  noAnswer(problem) {
    if (problem === null && Date.now() - this.#answeredAt < GRACE_MS) return;
    this.#isOut = true;
    // Nothing is asked while nobody looks: it need not be out since then.
    const last = `No answer. The last one came at ${time(this.#answeredAt)}: this is how it was then.`;
    const what = problem === null ? last : `Refused: ${problem}.`;
    this.#show([{ key: 'no-answer', text: `${what} Trying again.` }, ...this.#known]);
    this.#state('out', problem === null ? 'No answer' : 'Refused');
  }

  /** @param {readonly Notice[]} faults */
  #show(faults) {
    document.body.dataset.answers = String(!this.#isOut);
    list(
      byId('notices'),
      faults,
      ({ key }) => key,
      ({ isMild = false }) =>
        html('p', { class: isMild ? 'notice mild' : 'notice' }, html('span'), html('span')),
      (notice, { text, calls = [] }) => {
        const [said, named] = notice.children;
        if (said) write(said, text);
        if (named)
          list(
            named,
            calls,
            (id) => id,
            linkTo,
            () => undefined,
          );
      },
    );
  }

  /**
   * @param {string} state
   * @param {string} text
   */
  #state(state, text) {
    byId('state').dataset.state = state;
    write(byId('state'), text);
  }

  /** @param {string} text */
  #announce(text) {
    write(byId('announced'), text);
  }
}

/** @param {string} id */
function linkTo(id) {
  return html('a', { href: `#/calls/${id}` }, id);
}

/**
 * @param {readonly string[]} lost
 * @param {number} ms
 * @returns {Notice}
 */
function lossOf(lost, ms) {
  const calls = `${plural(lost.length, 'call')} ${lost.length === 1 ? 'was' : 'were'} lost`;
  const text = `${calls} within the last ${roundSpan(ms)}: no keepAlive succeeded in time.`;
  return { key: 'lost', text, calls: lost.slice(0, MOST_NAMED) };
}

/** @param {Overview} overview */
function faults({ redis, tracked, unready }) {
  /** @type {Notice[]} */
  const found = [];
  if (!redis.up) {
    const why = redis.cause === null ? '' : ` (${redis.cause})`;
    const text = `Redis is out${why}: this replica keeps ${plural(tracked, 'call')} alive from memory. Events are told when it is back.`;
    found.push({ key: 'redis', text });
  } else if (unready.length > 0) {
    const text = `The replica that answers is not ready: ${unready.join('; ')}.`;
    found.push({ key: 'unready', text });
  }
  return found;
}

/**
 * @param {Overview} overview
 * @param {number} lost
 * @param {number} lapsed
 */
function summary({ redis, failing, atRisk }, lost, lapsed) {
  if (!redis.up) return 'Redis is out';
  const parts = [
    lost > 0 ? `${count(lost)} lost` : '',
    failing > 0 ? `${count(failing)} failing` : '',
    atRisk > 0 ? `${count(atRisk)} at risk` : '',
    lapsed > 0 ? `${plural(lapsed, 'owner')} lapsed` : '',
  ];
  return parts.filter((part) => part !== '').join(', ') || 'Look below';
}
