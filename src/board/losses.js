/** @import { Call, Event } from '../client/api.ts' */

/** Graph's word that it ended a call for want of a keepAlive: "Delete call" on Microsoft Learn. */
const TIMED_OUT = { code: 408, subcode: 8537 };

/** So many of each kind are remembered. */
const MOST = 1_000;

/**
 * @typedef {object} Stopped
 * @property {readonly string[]} ids the calls, the latest first
 * @property {readonly string[]} owners whose they were
 * @property {boolean} isAll false: there were more than are remembered
 */

/** The calls that were lost lately: they are gone from the wheel, and all would look well. */
export class Losses {
  /** @type {Map<string, number>} when, epoch ms, by the id of the call; the latest last */
  #lost = new Map();
  /** @type {Map<string, { at: number, owner: string }>} those whose owner was lost, likewise */
  #stopped = new Map();
  #now;

  /** @param {() => number} now epoch ms, by the clock of the replica */
  constructor(now) {
    this.#now = now;
  }

  /** @param {Event} event one about an owner says nothing here: its calls have their own */
  gather({ type, timestamp, call }) {
    if (!call) return;
    // One that is tracked again was not lost after all.
    this.#lost.delete(call.id);
    this.#stopped.delete(call.id);
    const at = Date.parse(timestamp);
    if (type === 'call.expired' || isTimedOut(call)) {
      this.#lost.set(call.id, at);
    } else if (type === 'call.untracked' && call.reason === 'owner-lost') {
      this.#stopped.set(call.id, { at, owner: call.owner ?? '' });
    }
    bound(this.#lost);
    bound(this.#stopped);
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

  /**
   * Those that were stopped because their owner did not renew its lease: Callkeeper lost none.
   *
   * @param {number} ms no longer ago than this
   * @returns {Stopped}
   */
  stoppedWithin(ms) {
    const since = this.#now() - ms;
    const stopped = [...this.#stopped].filter(([, { at }]) => at >= since);
    return {
      ids: stopped.map(([id]) => id).reverse(),
      owners: [...new Set(stopped.map(([, { owner }]) => owner))],
      isAll: stopped.length < MOST,
    };
  }
}

/** @param {Call} call */
function isTimedOut({ resultInfo, state }) {
  const { code, subcode } = resultInfo ?? {};
  return state !== 'tracked' && code === TIMED_OUT.code && subcode === TIMED_OUT.subcode;
}

/** @param {Map<string, unknown>} calls */
function bound(calls) {
  const [oldest] = calls.keys();
  if (calls.size > MOST && oldest !== undefined) calls.delete(oldest);
}
