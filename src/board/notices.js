/** @import { Overview, Owner } from '../client/api.ts' */
/** @import { Stopped } from './losses.js' */
import { byId, html, list, write } from './dom.js';
import { count, plural, roundSpan, time } from './format.js';
import { lapseOf, stopOf } from './owner-notices.js';
import { headline, Troubles } from './troubles.js';

/** The board says that there is no answer only after this long: an answer may be late. */
const GRACE_MS = 4_000;

/**
 * @typedef {object} Notice
 * @property {string} key
 * @property {string} text
 * @property {readonly string[]} [calls] the ids of its calls
 * @property {boolean} [isMild] worth knowing, but nothing is wrong yet
 */

/** Shows what is wrong for as long as it is wrong, and announces it once to screen readers. */
export class Notices {
  #answeredAt = Date.now();
  /** @type {readonly Notice[]} from the last answer */
  #known = [];
  #failing = false;
  #kinds = '';
  #troubles = new Troubles();
  #isOut = false;

  /**
   * @param {Overview} overview
   * @param {object} seen what the overview does not contain
   * @param {readonly string[]} seen.lost the ids of calls that were lost lately
   * @param {Stopped} seen.stopped calls whose owner was lost lately
   * @param {readonly Owner[]} seen.lapsed owners whose calls will be stopped, the soonest first
   */
  answered(overview, { lost, stopped, lapsed }) {
    const { version, intervalMs, deadlineMs, troubles } = overview;
    if (this.#isOut) this.#announce('Answers again.');
    this.#isOut = false;
    this.#answeredAt = Date.now();
    this.#known = [...lapseOf(lapsed, overview), ...stopOf(stopped, deadlineMs)];
    this.#show(this.#known);
    this.#troubles.show(troubles, lost);
    this.#announceChange(overview);
    this.#stateOf(overview, lapsed.length);
    const wheel = `a keepAlive every ${roundSpan(intervalMs)}, a deadline of ${roundSpan(deadlineMs)}`;
    write(byId('about'), `Callkeeper ${version}: ${wheel}`);
  }

  /**
   * Announces when something begins or is over, but not its numbers: they change all the time.
   *
   * @param {Overview} overview
   */
  #announceChange(overview) {
    const { troubles, failing } = overview;
    const kinds = troubles.map(({ kind, severity }) => `${kind} ${severity}`).join();
    if (failing > 0 !== this.#failing) {
      this.#announce(
        failing > 0 ? `${plural(failing, 'call')} failing.` : 'No tracked call fails any more.',
      );
    } else if (kinds !== this.#kinds && troubles[0]) {
      this.#announce(headline(overview));
    }
    this.#kinds = kinds;
    this.#failing = failing > 0;
  }

  /**
   * @param {Overview} overview
   * @param {number} lapsed
   */
  #stateOf(overview, lapsed) {
    const { atRisk } = overview;
    const owners = lapsed > 0 ? `${plural(lapsed, 'owner')} lapsed` : '';
    const risk = atRisk > 0 ? `${count(atRisk)} at risk` : '';
    const words = [headline(overview), risk, owners].filter((word) => word !== '');
    const isWell = words.length === 0;
    const isPast = words.join() === 'Well again';
    this.#state(isWell ? 'well' : isPast ? 'past' : 'ill', isWell ? 'All well' : words.join(', '));
  }

  /** @param {string | null} problem why the API refused the request; null if it did not answer */
  noAnswer(problem) {
    if (problem === null && Date.now() - this.#answeredAt < GRACE_MS) return;
    this.#isOut = true;
    // A hidden page sends no requests, so the outage may be shorter.
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
