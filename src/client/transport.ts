import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem, ProblemType } from './api.ts';
import { CallkeeperError, CallkeeperUnreachableError } from './errors.ts';

export interface TransportOptions {
  /** Of the replicas, or of what is in front of them; tried in turn. */
  readonly baseUrls: readonly URL[];
  readonly headers: Readonly<Record<string, string>>;
  readonly attemptMs: number;
  readonly totalMs: number;
  readonly fetch: typeof fetch;
  readonly random: () => number;
}

/** Of one request. */
export interface RequestOptions {
  /** Gives up at once; the request may have arrived. */
  readonly signal?: AbortSignal | undefined;
  /** With all its repeats, in ms, instead of the client's own limit. */
  readonly totalMs?: number | undefined;
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Without a slash at its start. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Problems that are answers here, not failures. */
  readonly expects?: readonly ProblemType[];
  /** Whether the answer is to this request, and not from something else, such as a proxy. */
  readonly answers: (answer: Answer) => boolean;
}

export interface Answer {
  readonly status: number;
  /** As JSON; null where there is none. */
  readonly body: unknown;
}

/** Waits grow from here, doubled each round over all replicas, up to there. In ms. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/**
 * Too slow (408), too many (429), no replica there or ready (502, 503, 504): the
 * same request may do in a moment, or at another replica.
 */
const PASSING: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/** What an attempt came to that may be made again. */
class Miss {
  readonly cause: unknown;
  /** What the server asked for, in ms. */
  readonly retryAfterMs: number;
  constructor(cause: unknown, retryAfterMs = 0) {
    this.cause = cause;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Sends requests until they are answered, as each may be repeated: every replica
 * in turn, then again after a while, exponentially with jitter, within a total
 * time. One that answers is asked first the next time.
 */
export class Transport {
  readonly #options: TransportOptions;
  #preferred = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** @throws CallkeeperError, CallkeeperUnreachableError, or the reason of the signal */
  send(request: Request, options: RequestOptions = {}): Promise<Answer> {
    return this.#repeat(request, options, (base, stop) => this.#ask(base, request, stop));
  }

  /**
   * Opens a stream of events, within the times of any request; from then on only
   * the signal ends it. Throws as {@link send}.
   */
  open(request: Request, options: RequestOptions = {}): Promise<ReadableStream<Uint8Array>> {
    return this.#repeat(request, options, (base, stop) =>
      this.#open(base, request, stop, options.signal),
    );
  }

  async #repeat<T extends object>(
    request: Request,
    { signal, totalMs }: RequestOptions,
    attempt: (base: URL, stop: AbortSignal) => Promise<T | Miss>,
  ): Promise<T> {
    const { baseUrls } = this.#options;
    const limitMs = totalMs ?? this.#options.totalMs;
    const until = performance.now() + limitMs;
    const limit = AbortSignal.timeout(Math.min(limitMs, 2 ** 31 - 1));
    const stop = signal ? AbortSignal.any([signal, limit]) : limit;
    for (let attempts = 1; ; attempts++) {
      signal?.throwIfAborted();
      const base = baseUrls[this.#preferred % baseUrls.length] as URL;
      const made = await attempt(base, stop);
      if (!isMiss(made)) return made;
      signal?.throwIfAborted();
      this.#preferred = (this.#preferred + 1) % baseUrls.length;
      const waitMs = this.#wait(attempts, made);
      const leftMs = until - performance.now();
      if (leftMs <= waitMs) {
        throw new CallkeeperUnreachableError(describe(request), attempts, made.cause);
      }
      await sleep(waitMs, undefined, signal ? { signal } : {}).catch(() => undefined);
    }
  }

  /** None before the other replicas have been asked, unless this one speaks for all of them. */
  #wait(attempts: number, { retryAfterMs, cause }: Miss): number {
    const { baseUrls, random } = this.#options;
    const speaksForAll = cause instanceof CallkeeperError && cause.status === 429;
    if (attempts % baseUrls.length !== 0 && !speaksForAll) return 0;
    const round = Math.ceil(attempts / baseUrls.length) - 1;
    const backOff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(round, 20));
    return Math.max(backOff * (0.5 + random()), retryAfterMs);
  }

  async #ask(base: URL, request: Request, stop: AbortSignal): Promise<Answer | Miss> {
    const limit = AbortSignal.timeout(this.#options.attemptMs);
    try {
      const response = await this.#fetch(base, request, AbortSignal.any([stop, limit]));
      return conclude(request, response, await response.text());
    } catch (cause) {
      if (cause instanceof CallkeeperError) throw cause;
      return new Miss(cause);
    }
  }

  async #open(
    base: URL,
    request: Request,
    stop: AbortSignal,
    signal: AbortSignal | undefined,
  ): Promise<ReadableStream<Uint8Array> | Miss> {
    // The limits count until there is an answer, the signal as long as the stream is open.
    const opening = new AbortController();
    const giveUp = () => opening.abort(stop.reason);
    stop.addEventListener('abort', giveUp);
    const timer = setTimeout(giveUp, this.#options.attemptMs);
    try {
      const both = signal ? AbortSignal.any([signal, opening.signal]) : opening.signal;
      const response = await this.#fetch(base, request, both);
      const type = response.headers.get('content-type') ?? '';
      if (response.ok && response.body && type.startsWith('text/event-stream')) {
        return response.body;
      }
      const answer = conclude(request, response, await response.text());
      return isMiss(answer) ? answer : new Miss(new Error('what came is no stream of events'));
    } catch (cause) {
      if (cause instanceof CallkeeperError) throw cause;
      return new Miss(cause);
    } finally {
      clearTimeout(timer);
      stop.removeEventListener('abort', giveUp);
    }
  }

  #fetch(base: URL, { method, path, body, headers }: Request, signal: AbortSignal) {
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    return this.#options.fetch(new URL(path, base), {
      method,
      headers: { accept: 'application/json', ...json, ...this.#options.headers, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // Wherever it leads, the key is not for there.
      redirect: 'manual',
      signal,
    });
  }
}

/**
 * A 2xx that does not answer the request is a miss: the same request may reach Callkeeper later.
 *
 * @throws CallkeeperError if a retry does not help
 */
function conclude(request: Request, response: Response, text: string): Answer | Miss {
  const { status } = response;
  const read = parse(text);
  const answer = { status, body: read ?? null };
  if (response.ok && (read !== undefined || text === '') && request.answers(answer)) return answer;
  const problem = isProblem(read) ? read : null;
  const expects: readonly string[] = request.expects ?? [];
  if (problem && expects.includes(problem.type) && request.answers(answer)) return answer;
  const error = new CallkeeperError(status, problem, describe(request));
  if (!PASSING.has(status) && !response.ok) throw error;
  return new Miss(error, readRetryAfter(response.headers.get('retry-after')));
}

function isMiss(made: object): made is Miss {
  return made instanceof Miss;
}

/** undefined where it is no JSON: of a proxy, most likely. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProblem(body: unknown): body is Problem {
  if (typeof body !== 'object' || body === null) return false;
  const { type, detail } = body as Partial<Problem>;
  return typeof type === 'string' && typeof detail === 'string';
}

/** Seconds, or an HTTP date; 0 where it is neither. */
function readRetryAfter(text: string | null): number {
  const seconds = Number(text ?? Number.NaN);
  const ms = Number.isNaN(seconds) ? Date.parse(text ?? '') - Date.now() : seconds * 1_000;
  return Number.isNaN(ms) ? 0 : Math.max(ms, 0);
}

function describe({ method, path }: Request): string {
  return `${method} /${path}`;
}
