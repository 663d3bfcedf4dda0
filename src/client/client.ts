import type {
  Call,
  CommsNotifications,
  KeepAliveProblem,
  LastError,
  ListCallsAnswer,
  ListCallsQuery,
  NotifyAnswer,
  TrackBatchBody,
  TrackBody,
  TrackCallsAnswer,
} from './api.ts';
import { batches } from './batches.ts';
import { type Answer, type RequestOptions, Transport } from './transport.ts';

export interface CallkeeperOptions {
  /** Where Callkeeper is: one URL, or one of each replica. */
  readonly baseUrl: string | readonly string[];
  readonly apiKey?: string | undefined;
  /** For one attempt, in ms; default 10 s. */
  readonly attemptMs?: number | undefined;
  /** For a request with all its repeats, in ms; default 2 min, longer than a deploy. */
  readonly totalMs?: number | undefined;
  /** Instead of Node's own: for a private CA, or a proxy. */
  readonly fetch?: typeof fetch | undefined;
}

/** A call to track, and what to track it with. */
export type TrackItem = TrackBatchBody['calls'][number];

/** How one call of many fared; `error` where it cannot be tracked as it was asked. */
export type TrackResult = TrackCallsAnswer['results'][number];

/** Expected outcomes of a keepAlive are values: `renewed`, or why not. */
export type KeepAliveResult =
  | { readonly outcome: 'renewed' | 'ended'; readonly call: Call }
  | {
      readonly outcome: 'throttled' | 'refused' | 'failed';
      readonly call: Call;
      readonly lastError: LastError;
    };

/**
 * Callkeeper, for a bot in Node. Every request may be repeated, and is: while no
 * replica can be reached or is ready, a request is sent again, to each in turn,
 * until its time is over. So a call that is tracked while Callkeeper is being
 * redeployed is tracked a moment later.
 *
 * All methods reject with `CallkeeperError` where the request will not do, with
 * `CallkeeperUnreachableError` where there was no answer in time, and with the
 * reason of their signal where that is aborted.
 */
export class Callkeeper {
  readonly #transport: Transport;

  constructor({ baseUrl, apiKey, attemptMs, totalMs, ...options }: CallkeeperOptions) {
    const baseUrls = [baseUrl].flat().map(readBaseUrl);
    if (baseUrls.length === 0) throw new TypeError('baseUrl: expected one URL at least');
    this.#transport = new Transport({
      baseUrls,
      headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
      attemptMs: attemptMs ?? 10_000,
      totalMs: totalMs ?? 120_000,
      fetch: options.fetch ?? fetch,
      random: Math.random,
    });
  }

  /** Keeps a call alive from now on; again: updates what it is tracked with. */
  async track(id: string, body: TrackBody = {}, options?: RequestOptions): Promise<Call> {
    const request = { method: 'POST', path: `${pathOf(id)}/track`, body } as const;
    return (await this.#transport.send(request, options)).body as Call;
  }

  /**
   * Stops; a call that is not tracked is as good as stopped. `durable` is false
   * while Redis is out: one replica has stopped, and stores it later.
   */
  async untrack(id: string, options?: RequestOptions): Promise<{ durable: boolean }> {
    const request = { method: 'DELETE', path: `${pathOf(id)}/track` } as const;
    return { durable: (await this.#transport.send(request, options)).status !== 202 };
  }

  /** A call, until 24 h after it left the schedule; null where it is not known. */
  async get(id: string, options?: RequestOptions): Promise<Call | null> {
    const request = { method: 'GET', path: pathOf(id), expects: [NOT_FOUND] } as const;
    const answer = await this.#transport.send(request, options);
    return answer.status === 404 ? null : (answer.body as Call);
  }

  /**
   * Tracks any number of calls, as after a restart, by up to 1,000 in a request.
   * Each succeeds or fails on its own; the results are in the order of the calls.
   * Rejects where one of the requests does; then do all of it again.
   */
  async trackAll(
    calls: Iterable<TrackItem> | AsyncIterable<TrackItem>,
    options?: RequestOptions,
  ): Promise<TrackResult[]> {
    const results: TrackResult[] = [];
    for await (const batch of batches(calls)) {
      const request = { method: 'POST', path: 'calls/track', body: { calls: batch } } as const;
      const { body } = await this.#transport.send(request, options);
      results.push(...(body as TrackCallsAnswer).results);
    }
    return results;
  }

  /** All calls that match, by default those that are tracked; `limit` is that of a page. */
  async *list(
    query: Omit<ListCallsQuery, 'cursor'> = {},
    options?: RequestOptions,
  ): AsyncGenerator<Call, void, undefined> {
    let cursor: string | null = null;
    do {
      const path = `calls?${toSearch({ ...query, cursor: cursor ?? undefined })}`;
      const { body }: Answer = await this.#transport.send({ method: 'GET', path }, options);
      const page = body as ListCallsAnswer;
      yield* page.calls;
      cursor = page.next;
    } while (cursor !== null);
  }

  /** One keepAlive now, outside the schedule; null where the call is not tracked. */
  async keepAlive(id: string, options?: RequestOptions): Promise<KeepAliveResult | null> {
    const path = `${pathOf(id)}/keepAlive`;
    const request = { method: 'POST', path, expects: [NOT_FOUND, ENDED, FAILED] } as const;
    const { body } = await this.#transport.send(request, options);
    const { type, outcome, call, lastError } = body as Partial<KeepAliveProblem>;
    if (type === NOT_FOUND) return null;
    return { outcome, call, ...(lastError ? { lastError } : {}) } as KeepAliveResult;
  }

  /**
   * Passes on what Graph has notified the bot of; everything may be passed on.
   * Resolves with how many notifications had which outcome.
   *
   * @param from the app whose calls they are; default: the default one
   */
  async notify(
    notifications: CommsNotifications,
    { app }: { readonly app?: string | undefined } = {},
    options?: RequestOptions,
  ): Promise<NotifyAnswer> {
    const search = app === undefined ? '' : `?${toSearch({ app })}`;
    const path = `notifications${search}`;
    const request = { method: 'POST', path, body: notifications } as const;
    return (await this.#transport.send(request, options)).body as NotifyAnswer;
  }
}

const NOT_FOUND = 'urn:callkeeper:problem:call-not-found';
const ENDED = 'urn:callkeeper:problem:call-ended';
const FAILED = 'urn:callkeeper:problem:keep-alive-failed';

function readBaseUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(`baseUrl: expected an http:// or https:// URL, got "${text}"`);
  }
  // What is under a path stays under it.
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** Checked here, as what is no id, such as `..`, would lead to another path. */
function pathOf(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{7,127}$/.test(id)) return `calls/${id}`;
  throw new TypeError(`expected a call's id of 8 to 128 of A-Z a-z 0-9 - _, got "${id}"`);
}

type Value = string | number | readonly string[] | undefined;

function toSearch(query: Readonly<Record<string, Value>>): URLSearchParams {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value ?? []].flat()) search.append(name, String(one));
  }
  return search;
}
