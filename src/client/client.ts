import { isCall, isDropped, isObject, isOverview, isOwner } from './answers.ts';
import type {
  Call,
  CommsNotifications,
  DropOwnerAnswer,
  DropOwnerQuery,
  GetOwnerQuery,
  ListCallsQuery,
  ListOwnersQuery,
  NotifyAnswer,
  Overview,
  Owner,
  StreamEventsQuery,
  TrackBody,
  TrackItem,
  TrackResult,
  UntrackResult,
} from './api.ts';
import type { Answer, RequestOptions, TrackOptions } from './attempt.ts';
import { type Many, trackBatches, untrackBatches } from './batches.ts';
import { readBaseUrls, readKeyHeader, readMs } from './environment.ts';
import { type EventItem, streamEvents } from './event-stream.ts';
import { type KeepAliveResult, keepAlive } from './keep-alive.ts';
import { LeasedOwner, type OwnerOptions } from './leased-owner.ts';
import { type NotificationSource, notify } from './notify.ts';
import type { CallkeeperOptions } from './options.ts';
import { OUTCOME_MS } from './outcome.ts';
import { pages } from './pages.ts';
import { callPath, ownerPath, withQuery } from './paths.ts';
import { Transport } from './transport.ts';

/**
 * A client of Callkeeper for bots in Node. It retries every request at each replica in turn until
 * one is ready, or the request's time is over. So if a bot tracks a call during a deploy of
 * Callkeeper, the call is tracked a moment later.
 *
 * All methods reject with `CallkeeperError` if Callkeeper refuses the request, with
 * `CallkeeperUnreachableError` if there was no answer in time, and with the reason of their signal
 * if that aborts.
 */
export class Callkeeper {
  readonly #transport: Transport;

  constructor(options: CallkeeperOptions = {}) {
    const { baseUrl, apiKey, attemptMs, totalMs } = options;
    this.#transport = new Transport({
      baseUrls: readBaseUrls(baseUrl),
      headers: readKeyHeader(apiKey),
      attemptMs: readMs('attemptMs', attemptMs ?? 10_000),
      totalMs: readMs('totalMs', totalMs ?? 120_000),
      fetch: options.fetch ?? fetch,
      random: Math.random,
    });
  }

  /**
   * Keeps a call alive from now on. If it is tracked already, this updates its fields. With `wait`,
   * resolves after the first keepAlive, within 30 s, with its outcome in the call: `renewedAt` is
   * set; or `lastError` says why not; or `state` is `ended` because Graph does not know the id. If
   * both are null, there is no outcome yet.
   */
  async track(id: string, body: TrackBody = {}, options: TrackOptions = {}): Promise<Call> {
    const { wait = false } = options;
    const answers = ({ body: call }: Answer) => isCall(call, id);
    const path = withQuery(`${callPath(id)}/track`, { wait: wait ? 'true' : undefined });
    const attemptMs = wait ? OUTCOME_MS : undefined;
    const request = { method: 'POST', path, body, answers, attemptMs } as const;
    return (await this.#transport.send(request, options)).body as Call;
  }

  /**
   * Stops tracking a call. While Redis is out, `durable` is false: one replica has stopped, and
   * stores it later.
   */
  async untrack(id: string, options?: RequestOptions): Promise<{ durable: boolean }> {
    const answers = ({ status, body }: Answer) =>
      status === 204 || (status === 202 && isObject(body) && body.durable === false);
    const request = { method: 'DELETE', path: `${callPath(id)}/track`, answers } as const;
    return { durable: (await this.#transport.send(request, options)).status !== 202 };
  }

  /** A call, until 24 h after it left the schedule; null if it is not known. */
  async get(id: string, options?: RequestOptions): Promise<Call | null> {
    const answers = ({ status, body }: Answer) => status === 404 || isCall(body, id);
    const expects = ['urn:callkeeper:problem:call-not-found'] as const;
    const request = { method: 'GET', path: callPath(id), expects, answers } as const;
    const answer = await this.#transport.send(request, options);
    return answer.status === 404 ? null : (answer.body as Call);
  }

  /**
   * Tracks any number of calls, for example after a restart, with up to 1,000 in a request. Each
   * call succeeds or fails on its own; the results are in the order of the calls. Rejects if one of
   * the requests fails; then track all calls again.
   */
  trackAll(calls: Many<TrackItem>, options?: RequestOptions): Promise<TrackResult[]> {
    return trackBatches(this.#transport, calls, options);
  }

  /** Stops tracking any number of calls, like {@link trackAll}. */
  untrackAll(ids: Many<string>, options?: RequestOptions): Promise<UntrackResult[]> {
    return untrackBatches(this.#transport, ids, options);
  }

  /** All calls that match, by default the tracked ones; `limit` is the size of a page. */
  list(
    query: Omit<ListCallsQuery, 'cursor'> = {},
    options?: RequestOptions,
  ): AsyncGenerator<Call, void, undefined> {
    return pages(this.#transport, 'calls', query, options);
  }

  /**
   * Returns the owner of this bot instance's calls, and renews its lease until you close it. If the
   * process dies, the lease runs out, and OWNER_GRACE later Callkeeper stops the owner's calls.
   *
   * @param name different for each instance, such as the name of its pod plus a random part
   */
  owner(name: string, options: OwnerOptions = {}): LeasedOwner {
    return new LeasedOwner(name, options, this.#transport, this);
  }

  /** All owners that match, by default those that have a lease or calls. */
  owners(
    query: Omit<ListOwnersQuery, 'cursor'> = {},
    options?: RequestOptions,
  ): AsyncGenerator<Owner, void, undefined> {
    return pages(this.#transport, 'owners', query, options);
  }

  /** An owner that has a lease or calls, or was lost within the last 24 h; otherwise null. */
  async getOwner(
    name: string,
    query: GetOwnerQuery = {},
    options?: RequestOptions,
  ): Promise<Owner | null> {
    const path = withQuery(ownerPath(name), { ...query });
    const answers = ({ status, body }: Answer) => status === 404 || isOwner(body, name);
    const expects = ['urn:callkeeper:problem:owner-not-found'] as const;
    const request = { method: 'GET', path, expects, answers } as const;
    const answer = await this.#transport.send(request, options);
    return answer.status === 404 ? null : (answer.body as Owner);
  }

  /** Stops all calls of an owner and drops its lease; `durable` as in {@link untrack}. */
  async dropOwner(
    name: string,
    query: DropOwnerQuery = {},
    options?: RequestOptions,
  ): Promise<{ stopped: number; durable: boolean }> {
    const path = withQuery(ownerPath(name), { ...query });
    const request = { method: 'DELETE', path, answers: isDropped } as const;
    const { status, body } = await this.#transport.send(request, options);
    return { stopped: (body as DropOwnerAnswer).stopped, durable: status !== 202 };
  }

  /**
   * Sends one keepAlive now, outside the schedule, and waits for its outcome, for 30 s at most; null
   * if the call is not tracked.
   */
  async keepAlive(id: string, options?: RequestOptions): Promise<KeepAliveResult | null> {
    return keepAlive(this.#transport, id, options);
  }

  /**
   * What is wrong (`troubles`, the worst first), why calls fail, and how all calls are, as the board
   * shows it. From the memory of the replica that answers, while Redis is out too.
   */
  async overview(options?: RequestOptions): Promise<Overview> {
    const request = { method: 'GET', path: 'overview', answers: isOverview } as const;
    return (await this.#transport.send(request, options)).body as Overview;
  }

  /**
   * The events of calls and owners as they happen. An event has either a `call` or an `owner`. Each
   * comes at least once; a repeat has the same `event.id`. If the stream ends or falls silent, the
   * client opens it again, at another replica if necessary, and resumes after the last event. The
   * iteration ends if you leave the loop, or if the signal aborts, which throws its reason.
   *
   * @param query `lastEventId`: the `place` of the event to resume after; by default from now on
   */
  events(
    query: StreamEventsQuery = {},
    options?: RequestOptions,
  ): AsyncGenerator<EventItem, void, undefined> {
    return streamEvents(this.#transport, query, options);
  }

  /**
   * Passes on a body that Graph posted to the bot; Callkeeper ignores what does not concern it.
   * Resolves with the number of notifications by outcome.
   *
   * @param from the app of the calls, by default the default app; and the
   *   `Authorization` header of Graph's request, if Callkeeper checks it
   */
  async notify(
    notifications: CommsNotifications,
    from: NotificationSource = {},
    options?: RequestOptions,
  ): Promise<NotifyAnswer> {
    return notify(this.#transport, notifications, from, options);
  }
}
