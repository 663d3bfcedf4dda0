/** @import { GetOverviewAnswer } from '../client/api.ts' */
import { byId, html, list, write } from './dom.js';
import { count, plural, roundSpan, time } from './format.js';

/** After so long without an answer it is said; one that is late is none yet. */
const GRACE_MS = 4_000;

/** What is wrong, said plainly for as long as it is so, and once to who listens. */
export class Notices {
  #answeredAt = Date.now();
  /** @type {{ key: string, text: string }[]} */
  #shown = [];
  #failing = false;
  #isOut = false;

  /** @param {GetOverviewAnswer} overview */
  answered(overview) {
    const { version, intervalMs, deadlineMs, failing, atRisk } = overview;
    if (this.#isOut) this.#announce('Answers again.');
    this.#isOut = false;
    this.#answeredAt = Date.now();
    this.#show(faults(overview));
    if (failing > 0 !== this.#failing) {
      this.#announce(
        failing > 0 ? `${plural(failing, 'call')} failing.` : 'No call fails any more.',
      );
    }
    this.#failing = failing > 0;
    const isWell = failing === 0 && atRisk === 0 && this.#shown.length === 0;
    this.#state(isWell ? 'well' : 'ill', isWell ? 'All well' : summary(overview));
    const wheel = `a keepAlive every ${roundSpan(intervalMs)}, a deadline of ${roundSpan(deadlineMs)}`;
    write(byId('about'), `Callkeeper ${version}: ${wheel}`);
  }

  /** @param {string | null} problem what the answer said, where there was one */
  noAnswer(problem) {
    if (problem === null && Date.now() - this.#answeredAt < GRACE_MS) return;
    this.#isOut = true;
    const since = `No answer since ${time(this.#answeredAt)}`;
    const what = problem === null ? `${since}: this is how it was then.` : `${problem}.`;
    this.#show([{ key: 'no-answer', text: `${what} Trying again.` }]);
    this.#state('out', 'No answer');
  }

  /** @param {{ key: string, text: string }[]} faults */
  #show(faults) {
    this.#shown = faults;
    document.body.dataset.answers = String(!this.#isOut);
    list(
      byId('notices'),
      faults,
      ({ key }) => key,
      () => html('p', { class: 'notice' }),
      (notice, { text }) => write(notice, text),
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

/** @param {GetOverviewAnswer} overview */
function faults({ redis, tracked, slots, unheld }) {
  const found = [];
  if (!redis.up) {
    const text = `Redis is out: this replica keeps ${plural(tracked, 'call')} alive from memory. Events are told when it is back.`;
    found.push({ key: 'redis', text });
  } else if (redis.slotsOut > 0) {
    const some = `${count(redis.slotsOut)} of ${count(slots.tracked.length)} slots`;
    found.push({ key: 'redis', text: `Part of Redis is out: ${some} are kept from memory.` });
  }
  if (unheld > 0) {
    const text = `This replica has no room in memory for ${plural(unheld, 'call')}, which are not counted here (ROSTER_MAX_CALLS).`;
    found.push({ key: 'unheld', text });
  }
  return found;
}

/** @param {GetOverviewAnswer} overview */
function summary({ redis, failing, atRisk }) {
  if (!redis.up) return 'Redis is out';
  if (atRisk > 0) return `${count(atRisk)} at risk`;
  return failing > 0 ? `${count(failing)} failing` : 'Look below';
}
