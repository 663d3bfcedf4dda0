import type { Problem, ProblemType, TrackCallQuery } from './api.ts';
import { CallkeeperError } from './errors.ts';

export interface RequestOptions {
  /** Gives up at once; the request may have arrived. */
  readonly signal?: AbortSignal | undefined;
  /** The limit for the request with all its retries, in ms, instead of the client's own. */
  readonly totalMs?: number | undefined;
}

export interface TrackOptions extends RequestOptions, TrackCallQuery {}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Without a leading slash. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Problems that count as answers, not as failures. */
  readonly expects?: readonly ProblemType[];
  /** Whether the answer fits this request; one from a proxy, for example, does not. */
  readonly answers: (answer: Answer) => boolean;
  /** Pauses between attempts do not keep the process alive. */
  readonly background?: boolean;
  /** Raises the limits of an attempt and of the request to this, in ms, for a slow answer. */
  readonly attemptMs?: number | undefined;
}

export interface Answer {
  readonly status: number;
  /** The parsed JSON; null if there is none. */
  readonly body: unknown;
}

/** A failed attempt that may be repeated. */
export class Miss {
  readonly cause: unknown;
  /** What the server asked for, in ms. */
  readonly retryAfterMs: number;
  constructor(cause: unknown, retryAfterMs = 0) {
    this.cause = cause;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Too slow (408), too many requests (429), no replica ready (502, 503, 504): the same request may
 * succeed in a moment, or at another replica.
 */
const PASSING: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/**
 * A 2xx that does not fit the request is a miss: a later attempt may reach Callkeeper.
 *
 * @throws CallkeeperError if a retry does not help
 */
export function toAnswer(request: Request, response: Response, text: string): Answer | Miss {
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

export function isMiss(made: object): made is Miss {
  return made instanceof Miss;
}

export function describe({ method, path }: Request): string {
  return `${method} /${path}`;
}

/** undefined if the text is not JSON: it probably comes from a proxy. */
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

/** The longest pause that a server may ask for: a date may be wrong by years. In ms. */
const LONGEST_RETRY_AFTER_MS = 300_000;

/** Seconds, or an HTTP date; 0 if it is neither. */
function readRetryAfter(text: string | null): number {
  const seconds = Number(text ?? Number.NaN);
  const ms = Number.isNaN(seconds) ? Date.parse(text ?? '') - Date.now() : seconds * 1_000;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS);
}
