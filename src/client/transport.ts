import {
  type Answer,
  describe,
  isMiss,
  Miss,
  type Request,
  type RequestOptions,
  toAnswer,
} from './attempt.ts';
import { CallkeeperError, CallkeeperUnreachableError } from './errors.ts';
import { following, limited, pause, within } from './pause.ts';
import { readText } from './read-text.ts';

export interface TransportOptions {
  /** URLs of the replicas, or of the load balancer in front of them; tried in turn. */
  readonly baseUrls: readonly URL[];
  readonly headers: Readonly<Record<string, string>>;
  readonly attemptMs: number;
  readonly totalMs: number;
  readonly fetch: typeof fetch;
  readonly random: () => number;
}

/** What ends an attempt: the end of the whole request, or the attempt's own time. */
interface Limits {
  readonly stop: AbortSignal;
  readonly attemptMs: number;
}

interface Prepared extends Request {
  readonly init: RequestInit;
}

/** A miss may be repeated, a refusal not. */
type Failure = Miss | CallkeeperError;

/** The most in one answer; 1,000 calls with the longest labels need less. */
const MOST_BYTES = 64 * 1024 * 1024;

/** The first pause, which doubles each round over all replicas, and the longest. In ms. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/**
 * Sends each request until it is answered: to every replica in turn, and then again after a pause,
 * with exponential back-off and jitter, within a total time. The replica that answered gets the
 * next request first.
 */
export class Transport {
  readonly #options: TransportOptions;
  #preferred = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get totalMs(): number {
    return this.#options.totalMs;
  }

  /** @throws CallkeeperError, CallkeeperUnreachableError, or the reason of the signal */
  async send(request: Request, options: RequestOptions = {}): Promise<Answer> {
    const prepared = this.#prepare(request);
    return await this.#repeat(request, options, (base, limits) =>
      this.#ask(base, prepared, limits),
    );
  }

  /**
   * Opens an event stream, within the limits of any request. From then on only the signal ends it.
   * Throws like {@link send}.
   */
  async open(request: Request, options: RequestOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const prepared = this.#prepare(request);
    return await this.#repeat(request, options, (base, limits) =>
      this.#open(base, prepared, limits, options.signal),
    );
  }

  async #repeat<T extends object>(
    request: Request,
    { signal, totalMs }: RequestOptions,
    attempt: (base: URL, limits: Limits) => Promise<T | Failure>,
  ): Promise<T> {
    const { baseUrls } = this.#options;
    const limitMs = totalMs ?? Math.max(this.#options.totalMs, request.attemptMs ?? 0);
    const until = performance.now() + limitMs;
    const limit = within(limitMs, signal);
    // Concurrent requests start at the same replica, but each goes on to the others by itself.
    const first = this.#preferred;
    try {
      for (let attempts = 1; ; attempts++) {
        signal?.throwIfAborted();
        const at = (first + attempts - 1) % baseUrls.length;
        const attemptMs = this.#shareOf(until - performance.now(), attempts);
        const made = await attempt(baseUrls[at] as URL, { stop: limit.signal, attemptMs });
        this.#prefer(at, made);
        if (made instanceof CallkeeperError) throw made;
        if (!isMiss(made)) return made;
        signal?.throwIfAborted();
        const waitMs = this.#wait(attempts, made);
        if (!(until - performance.now() > waitMs)) {
          throw new CallkeeperUnreachableError(describe(request), attempts, made.cause);
        }
        await pause(waitMs, { signal, ref: !request.background });
      }
    } finally {
      limit.end();
    }
  }

  /** After a miss the next replica, unless a concurrent request has changed that already. */
  #prefer(at: number, made: object): void {
    if (!isMiss(made)) this.#preferred = at;
    else if (this.#preferred === at) this.#preferred = (at + 1) % this.#options.baseUrls.length;
  }

  /** The limit of an attempt: it leaves time for the replicas that were not asked yet. */
  #shareOf(leftMs: number, attempts: number): number {
    const { attemptMs, baseUrls } = this.#options;
    const unasked = Math.max(1, baseUrls.length - attempts + 1);
    return Math.min(attemptMs, leftMs / unasked);
  }

  /** No pause before all replicas have been tried, unless the answer holds for all of them. */
  #wait(attempts: number, { retryAfterMs, cause }: Miss): number {
    const { baseUrls, random } = this.#options;
    const speaksForAll = cause instanceof CallkeeperError && cause.status === 429;
    if (attempts % baseUrls.length !== 0 && !speaksForAll) return 0;
    const round = Math.ceil(attempts / baseUrls.length) - 1;
    const backOff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(round, 20));
    return Math.max(backOff * (0.5 + random()), retryAfterMs);
  }

  async #ask(base: URL, request: Prepared, { stop, attemptMs }: Limits): Promise<Answer | Failure> {
    const { baseUrls } = this.#options;
    const ask = async (signal: AbortSignal) => {
      const response = await this.#fetch(base, request, signal);
      return toAnswer(request, response, await readText(response, MOST_BYTES));
    };
    try {
      if (request.attemptMs !== undefined && baseUrls.length > 1) {
        await limited(attemptMs, stop, (signal) => this.#knock(base, signal));
      }
      return await limited(Math.max(attemptMs, request.attemptMs ?? 0), stop, ask);
    } catch (cause) {
      return toFailure(cause);
    }
  }

  /**
   * Checks that a replica answers at all, before a request whose answer may take longer than an
   * attempt: otherwise a replica that hangs would use up the time of the others. Any status counts.
   */
  async #knock(base: URL, signal: AbortSignal): Promise<void> {
    const { fetch } = this.#options;
    const { body } = await fetch(new URL('livez', base), { redirect: 'manual', signal });
    await body?.cancel();
  }

  async #open(
    base: URL,
    request: Prepared,
    { stop, attemptMs }: Limits,
    signal: AbortSignal | undefined,
  ): Promise<ReadableStream<Uint8Array> | Failure> {
    // The limits end with the answer; the signal counts as long as the stream is open.
    const limit = within(attemptMs, stop);
    const opening = following(limit.signal);
    try {
      const both = signal ? AbortSignal.any([signal, opening.signal]) : opening.signal;
      const response = await this.#fetch(base, request, both);
      const type = response.headers.get('content-type') ?? '';
      if (response.ok && response.body && type.startsWith('text/event-stream')) {
        return response.body;
      }
      const answer = toAnswer(request, response, await readText(response, MOST_BYTES));
      return isMiss(answer) ? answer : new Miss(new Error('the answer is not an event stream'));
    } catch (cause) {
      return toFailure(cause);
    } finally {
      opening.end();
      limit.end();
    }
  }

  #fetch(base: URL, { path, init }: Prepared, signal: AbortSignal): Promise<Response> {
    return this.#options.fetch(new URL(path, base), { ...init, signal });
  }

  /** Throws errors of the caller, such as a body that is not JSON, before the first attempt. */
  #prepare(request: Request): Prepared {
    const { method, body, headers } = request;
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const init = {
      method,
      headers: { accept: 'application/json', ...json, ...this.#options.headers, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // The key must not go to another server.
      redirect: 'manual',
    } as const;
    return { ...request, init };
  }
}

function toFailure(cause: unknown): Failure {
  return cause instanceof CallkeeperError ? cause : new Miss(cause);
}
