import { setTimeout as sleep } from 'node:timers/promises';
import { isBatchResult, isCall, isObject, isPage } from './answers.ts';
import type {
  Call,
  CommsNotifications,
  Event,
  KeepAliveProblem,
  LastError,
  ListCallsAnswer,
  ListCallsQuery,
  NotifyAnswer,
  StreamEventsQuery,
  TrackBatchBody,
  TrackBody,
  TrackCallsAnswer,
} from './api.ts';
import { batches } from './batches.ts';
import { type Frame, readFrames } from './event-frames.ts';
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

/**
 * What comes of {@link Callkeeper.events}. A `gap`: between `after` and `firstKept`
 * events may be missing, as they are not kept any more; `list` tells how the calls are.
 */
export type EventItem =
  | { readonly kind: 'event'; readonly place: string; readonly event: Event }
  | {
      readonly kind: 'gap';
      readonly gap: { readonly after: string; readonly firstKept: string | null };
    };

/** Heartbeats come every 15 s. */
const SILENCE_MS = 60_000;
/** Before a stream that ended is opened again. */
const REOPEN_MS = 500;

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
    const answers = ({ body: call }: Answer) => isCall(call, id);
    const request = { method: 'POST', path: `${pathOf(id)}/track`, body, answers } as const;
    return (await this.#transport.send(request, options)).body as Call;
  }

  /**
   * Stops; a call that is not tracked is as good as stopped. `durable` is false
   * while Redis is out: one replica has stopped, and stores it later.
   */
  async untrack(id: string, options?: RequestOptions): Promise<{ durable: boolean }> {
    const answers = ({ status, body }: Answer) =>
      status === 204 || (status === 202 && isObject(body) && body.durable === false);
    const request = { method: 'DELETE', path: `${pathOf(id)}/track`, answers } as const;
    return { durable: (await this.#transport.send(request, options)).status !== 202 };
  }

  /** A call, until 24 h after it left the schedule; null where it is not known. */
  async get(id: string, options?: RequestOptions): Promise<Call | null> {
    const answers = ({ status, body }: Answer) => status === 404 || isCall(body, id);
    const request = { method: 'GET', path: pathOf(id), expects: [NOT_FOUND], answers } as const;
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
      const answers = ({ body }: Answer) => isBatchResult(body, batch);
      const path = 'calls/track';
      const request = { method: 'POST', path, body: { calls: batch }, answers } as const;
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
      const request = { method: 'GET', path, answers: isPage } as const;
      const { body }: Answer = await this.#transport.send(request, options);
      const page = body as ListCallsAnswer;
      yield* page.calls;
      cursor = page.next;
    } while (cursor !== null);
  }

  /** One keepAlive now, outside the schedule; null where the call is not tracked. */
  async keepAlive(id: string, options?: RequestOptions): Promise<KeepAliveResult | null> {
    const path = `${pathOf(id)}/keepAlive`;
    const answers = ({ body }: Answer) =>
      isObject(body) && (body.type === NOT_FOUND || isCall(body.call, id));
    const expects = [NOT_FOUND, ENDED, FAILED] as const;
    const request = { method: 'POST', path, expects, answers } as const;
    const { body } = await this.#transport.send(request, options);
    const { type, outcome, call, lastError } = body as Partial<KeepAliveProblem>;
    if (type === NOT_FOUND) return null;
    return { outcome, call, ...(lastError ? { lastError } : {}) } as KeepAliveResult;
  }

  /**
   * What happens to calls, as it happens, at least once: `event.id` tells a repeat.
   * A stream that ends or falls silent is opened again, at another replica where
   * need be, and goes on after the last event. It ends with the signal, whose
   * reason is thrown, or when the loop over it does.
   *
   * @param query `lastEventId`: the `place` of the event to go on after, as from
   *   before a restart; without it only what happens from now on comes
   */
  async *events(
    { lastEventId, ...filter }: StreamEventsQuery = {},
    options?: RequestOptions,
  ): AsyncGenerator<EventItem, void, undefined> {
    const signal = options?.signal;
    for (let place = lastEventId; ; ) {
      const path = `events?${toSearch({ ...filter, lastEventId: place })}`;
      const headers = { accept: 'text/event-stream, application/problem+json' };
      const request = { method: 'GET', path, headers, answers: () => false } as const;
      const stream = await this.#transport.open(request, options);
      const frames = readFrames(stream, SILENCE_MS);
      try {
        for (;;) {
          // What is wrong with the stream ends it; what is wrong with its reader is not caught.
          const { done, value } = await frames.next().catch(() => ENDED_STREAM);
          if (done || !value) break;
          if (value.id) place = value.id;
          const item = toItem(value, place);
          if (item) yield item;
        }
      } finally {
        await frames.return();
      }
      signal?.throwIfAborted();
      const waitMs = REOPEN_MS * (0.5 + Math.random());
      await sleep(waitMs, undefined, signal ? { signal } : {}).catch(() => undefined);
    }
  }

  /**
   * Passes on what Graph has notified the bot of; everything may be passed on.
   * Resolves with how many notifications had which outcome.
   *
   * @param from the app whose calls they are, by default the default one; and the
   *   `Authorization` header of Graph's request, where Callkeeper checks it
   */
  async notify(
    notifications: CommsNotifications,
    from: { readonly app?: string | undefined; readonly authorization?: string | undefined } = {},
    options?: RequestOptions,
  ): Promise<NotifyAnswer> {
    const { app, authorization } = from;
    const search = app === undefined ? '' : `?${toSearch({ app })}`;
    const path = `notifications${search}`;
    const headers =
      authorization === undefined ? {} : { 'x-forwarded-authorization': authorization };
    const answers = ({ body }: Answer) => isObject(body) && typeof body.tracked === 'number';
    const request = { method: 'POST', path, body: notifications, headers, answers } as const;
    return (await this.#transport.send(request, options)).body as NotifyAnswer;
  }
}

const ENDED_STREAM = { done: true, value: undefined } as const;

/** null for what says nothing but where the stream is. */
function toItem({ event, data }: Frame, place = ''): EventItem | null {
  if (data === '') return null;
  const read: unknown = JSON.parse(data);
  if (event !== 'gap') return { kind: 'event', place, event: read as Event };
  return { kind: 'gap', gap: read as (EventItem & { kind: 'gap' })['gap'] };
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
