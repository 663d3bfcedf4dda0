/** @import { Event } from '../client/api.ts' */

/** Graph's word that it ended a call for want of a keepAlive: "Delete call" on Microsoft Learn. */
const TIMED_OUT = { code: 408, subcode: 8537 };

/** So many are remembered. */
const MOST = 1_000;

/** The calls that were lost lately: they are gone from the wheel, and all would look well. */
export class Losses {
  /** @type {Map<string, number>} when, epoch ms, by the id of the call; the latest last */
  #lost = new Map();
  #now;

  /** @param {() => number} now epoch ms, by the clock of the replica */
  constructor(now) {
    this.#now = now;
  }

  /** @param {Event} event */
  gather({ type, timestamp, call }) {
    const { code, subcode } = call.resultInfo ?? {};
    const isTimedOut = code === TIMED_OUT.code && subcode === TIMED_OUT.subcode;
    // One that is tracked again was not lost after all.
    this.#lost.delete(call.id);
    if (type === 'call.expired' || (isTimedOut && call.state !== 'tracked')) {
      this.#lost.set(call.id, Date.parse(timestamp));
    }
    const [oldest] = this.#lost.keys();
    if (this.#lost.size > MOST && oldest !== undefined) this.#lost.delete(oldest);
  }

  /**
   * Their ids, the latest first.
   *
   * @param {number} ms no longer ago than this
   */
  within(ms) {
    const since = this.#now() - ms;
    return [...this.#lost]
      .filter(([, at]) => at >= since)
      .map(([id]) => id)
      .reverse();
  }
}
