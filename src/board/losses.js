/** @import { Call, Event } from '../client/api.ts' */

/**
 * Graph's codes for a call that it ended because it got no keepAlive (Microsoft Learn, "Delete
 * call").
 */
const TIMED_OUT = { code: 408, subcode: 8537 };

/** Limit of lost calls, and of stopped calls. */
const MOST = 1_000;

/**
 * @typedef {object} Stopped
 * @property {readonly string[]} ids the calls, the latest first
 * @property {readonly string[]} owners the owners of these calls
 * @property {boolean} isAll false: more calls were stopped than are remembered
 */

/**
 * The calls that were lost lately, from the events. They are no longer on the wheel, so without
 * them the page would say that all is well.
 */
export class Losses {
  /** @type {Map<string, number>} when, epoch ms, by the id of the call; the latest last */
  #lost = new Map();
  /** @type {Map<string, { at: number, owner: string }>} the same for calls whose owner was lost */
  #stopped = new Map();
  #now;

  /** @param {() => number} now epoch ms, by the clock of the replica */
  constructor(now) {
    this.#now = now;
  }

  /** @param {Event} event ignored if it is about an owner: its calls have their own events */
  gather({ type, timestamp, call }) {
    if (!call) return;
    // A call that is tracked again was not lost.
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
   * The ids of the lost calls, the latest first.
   *
   * @param {number} ms how long ago at most
   */
  within(ms) {
    const since = this.#now() - ms;
    return [...this.#lost]
      .filter(([, at]) => at >= since)
      .map(([id]) => id)
      .reverse();
  }

  /**
   * The calls that were stopped because their owner did not renew its lease.
   *
   * @param {number} ms how long ago at most
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
