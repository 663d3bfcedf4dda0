import type { Dispatcher } from 'undici';
import { durationText } from '../calls/wording.ts';

/** A complete answer. Header names are in lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Request {
  readonly method: 'GET' | 'POST';
  /** `scheme://host[:port]` */
  readonly origin: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | null;
}

/**
 * Limits in ms. `totalMs` counts from the wait for a connection to the last byte, and is exact.
 * undici keeps the others, to about a second.
 */
export interface ExchangeTimeouts {
  readonly headersMs: number;
  /** Between two chunks of the body. */
  readonly bodyMs: number;
  readonly totalMs: number;
}

/** Answers of Graph and Entra are far smaller, so a larger one is not theirs. */
export const MAX_BODY_BYTES = 64 * 1024;

/**
 * No complete answer came. `code` is `timeout`, `malformed` (not HTTP), `oversized`
 * (a body over {@link MAX_BODY_BYTES}), `closed` (by the other side), `proxy`,
 * or the system's own: `ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`…
 */
export class ExchangeError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ExchangeError';
    this.code = code;
  }
}

/**
 * Sends one request and reads its answer. When a limit is exceeded, it destroys the connection.
 * Follows no redirect. Rejects with {@link ExchangeError} if no complete answer came.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: Request,
  limits: ExchangeTimeouts,
): Promise<Answer> {
  const reader = new AnswerReader(limits.totalMs);
  const timeouts = { headersTimeout: limits.headersMs, bodyTimeout: limits.bodyMs };
  try {
    dispatcher.dispatch({ ...request, ...timeouts }, reader);
  } catch (error) {
    reader.onResponseError(null, error);
  }
  return reader.answer;
}

/** `undici.request` would not notice a time limit while the request waits for a connection. */
class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #settled = Promise.withResolvers<Answer>();
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #status = 0;
  #headers: Answer['headers'] = {};
  #failure: ExchangeError | null = null;
  #controller: Dispatcher.DispatchController | null = null;

  constructor(totalMs: number) {
    const expire = () =>
      this.#fail(new ExchangeError('timeout', `no answer in ${durationText(totalMs)}`));
    this.#timer = setTimeout(expire, totalMs);
  }

  get answer(): Promise<Answer> {
    return this.#settled.promise;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Its time is over, so it is not sent.
    if (this.#failure !== null) controller.abort(this.#failure);
  }

  onResponseStart(_: unknown, status: number, headers: Answer['headers']): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size <= MAX_BODY_BYTES) this.#chunks.push(chunk);
    else this.#fail(new ExchangeError('oversized', `a body of over ${MAX_BODY_BYTES} bytes`));
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer);
    const body = this.#size === 0 ? '' : Buffer.concat(this.#chunks).toString('utf8');
    this.#settled.resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_: unknown, error: unknown): void {
    this.#fail(toExchangeError(error));
  }

  #fail(failure: ExchangeError): void {
    if (this.#failure !== null) return;
    this.#failure = failure;
    clearTimeout(this.#timer);
    this.#settled.reject(failure);
    this.#controller?.abort(failure);
  }
}

/** Replaces undici's error codes with words for readers of `lastError`. */
function toExchangeError(error: unknown): ExchangeError {
  if (error instanceof ExchangeError) return error;
  const { code, message } = describe(error);
  if (message.startsWith('Proxy ')) return new ExchangeError('proxy', message, { cause: error });
  const known = UNDICI_CODES[code] ?? code;
  return new ExchangeError(known, message, { cause: error });
}

const UNDICI_CODES: Record<string, string> = {
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_SOCKET: 'closed',
  UND_ERR_PRX_CONN: 'proxy',
  UND_ERR_PRX_TLS: 'proxy',
  UND_ERR_HEADERS_OVERFLOW: 'malformed',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'malformed',
  UND_ERR_CLOSED: 'closing',
  UND_ERR_DESTROYED: 'closing',
};

function describe(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: 'network', message: String(error) };
  if (error.name === 'HTTPParserError') return { code: 'malformed', message: error.message };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'network';
  // An AggregateError (several addresses were tried) has a code but no message.
  return { code, message: error.message === '' ? code : error.message };
}
