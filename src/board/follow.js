/** @import { Api } from './api.js' */
/** @import { Event } from '../client/api.ts' */
import { readData, readFrames } from '../client/event-frames.js';
import { Refused } from './api.js';
import { seen, sleep } from './sleep.js';

/** A stream has a heartbeat every 15 s. One that is silent for this long is dead. */
const SILENCE_MS = 40_000;
const RETRY_MS = 2_000;

/**
 * Follows the events while the page is visible. If the stream breaks, it resumes after the last
 * event. A hidden page holds no stream, because a browser opens only six connections to a server,
 * for all tabs together. Resolves when the signal aborts or the key is refused.
 *
 * @param {Api} api
 * @param {object} options
 * @param {string} [options.call] follows only the events of this call
 * @param {string} options.after the place after which the stream begins; events that are no longer
 *   stored are missing
 * @param {(event: Event) => void} options.onEvent
 * @param {(isLive: boolean) => void} options.onState
 * @param {AbortSignal} options.signal
 */
export async function follow(api, { call, after, onEvent, onState, signal }) {
  let place = after;
  for (;;) {
    await seen(signal);
    if (signal.aborted) return;
    const broken = new AbortController();
    const unless = () => document.visibilityState === 'hidden' && broken.abort();
    document.addEventListener('visibilitychange', unless, { signal: broken.signal });
    try {
      const either = AbortSignal.any([signal, broken.signal]);
      const body = await api.events(
        { ...(call === undefined ? {} : { call }), after: place },
        either,
      );
      onState(true);
      for await (const frame of readFrames(body, SILENCE_MS)) {
        if (frame.id) place = frame.id;
        const read = /^(call|owner)\./.test(frame.event) ? readData(frame) : undefined;
        if (read) onEvent(/** @type {Event} */ (read));
      }
    } catch (error) {
      if (error instanceof Refused && error.isForWantOfAKey) return;
    }
    broken.abort();
    if (signal.aborted) return;
    if (document.visibilityState === 'hidden') continue;
    onState(false);
    await sleep(RETRY_MS, signal);
  }
}
