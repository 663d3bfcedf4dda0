/** @import { Attempts, Call, CallPage, Overview, OwnerPage, Owner } from '../client/api.ts' */

/** The limit of a request, in ms. */
const PATIENCE_MS = 10_000;
/** Limit of owners in one answer. The page shows fewer, and says how many more there are. */
const OWNERS = 200;
/** Limit of calls in one answer. */
const CALLS = 1_000;

/** The API answered with a problem (RFC 9457). */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   */
  constructor(status, detail) {
    super(detail);
    this.name = 'Refused';
    this.status = status;
  }

  /** Whether another key may help. */
  get isForWantOfAKey() {
    return this.status === 401 || this.status === 403;
  }
}

/** The API of the replica that served this page. Without a key it sends none. */
export class Api {
  #key;

  /** @param {string | null} key */
  constructor(key) {
    this.#key = key;
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Overview>}
   */
  overview(signal) {
    return this.#get('/overview', signal);
  }

  /**
   * @param {string} id
   * @param {AbortSignal} signal
   * @returns {Promise<Call>}
   */
  call(id, signal) {
    return this.#get(`/calls/${encodeURIComponent(id)}`, signal);
  }

  /**
   * @param {{ state: string, app: string, label: string, cursor: string }} which '' does not filter
   * @param {AbortSignal} signal
   * @returns {Promise<CallPage>}
   */
  calls({ state, app, label, cursor }, signal) {
    const asked = Object.entries({ state, app, label, cursor }).filter(([, value]) => value !== '');
    const query = new URLSearchParams([...asked, ['limit', String(CALLS)]]);
    return this.#get(`/calls?${query}`, signal);
  }

  /**
   * @param {string} id
   * @param {AbortSignal} signal
   * @returns {Promise<Attempts>}
   */
  attempts(id, signal) {
    return this.#get(`/calls/${encodeURIComponent(id)}/attempts`, signal);
  }

  /**
   * @param {string} id
   * @param {AbortSignal} signal
   */
  async keepAlive(id, signal) {
    await this.#fetch(`/calls/${encodeURIComponent(id)}/keepAlive`, {}, signal, 'POST');
  }

  /**
   * @param {string} id
   * @param {AbortSignal} signal
   */
  async untrack(id, signal) {
    await this.#fetch(`/calls/${encodeURIComponent(id)}/track`, {}, signal, 'DELETE');
  }

  /**
   * Reads the first page of the owners.
   *
   * @param {{ state?: Owner['state'] }} which
   * @param {AbortSignal} signal
   * @returns {Promise<OwnerPage>}
   */
  owners({ state }, signal) {
    const filter = state === undefined ? '' : `&state=${state}`;
    return this.#get(`/owners?limit=${OWNERS}${filter}`, signal);
  }

  /**
   * Opens the event stream until the signal aborts.
   *
   * @param {{ call?: string, after: string }} what of one call or all; after a place
   * @param {AbortSignal} signal
   */
  async events({ call, after }, signal) {
    const query = call === undefined ? '' : `?call=${encodeURIComponent(call)}`;
    const response = await this.#fetch(`/events${query}`, { 'last-event-id': after }, signal);
    if (response.body === null) throw new TypeError('the stream of events has no body');
    return response.body;
  }

  /**
   * @param {string} path
   * @param {AbortSignal} signal
   */
  async #get(path, signal) {
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const response = await this.#fetch(path, {}, inTime);
    return response.json();
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} more
   * @param {AbortSignal} signal
   * @param {'GET' | 'POST' | 'DELETE'} method
   */
  async #fetch(path, more, signal, method = 'GET') {
    const headers = this.#key === null ? more : { ...more, authorization: `Bearer ${this.#key}` };
    const response = await fetch(path, {
      method,
      headers,
      signal,
      cache: 'no-store',
      credentials: 'omit',
    });
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new Refused(response.status, String(problem.detail ?? `HTTP ${response.status}`));
  }
}
