import type { CallError } from '../calls/call.ts';
import { FOREIGN } from '../calls/outcome.ts';
import { header } from '../headers/header.ts';
import type { Answer } from './exchange.ts';
import { isForeign, parseGraphError, requestIdOf } from './graph-error.ts';

/** Longest message, in characters. */
const MAX_MESSAGE = 300;
/** Longest code, id or header value, in characters. */
const MAX_FIELD = 200;

/** What we know ourselves about a request. Instants are epoch ms. */
export interface Sent {
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly clientRequestId: string;
}

/** The evidence of an answer that is not a success, with what Microsoft support asks for. */
export function answerError(answer: Answer, sent: Sent, note = ''): CallError {
  const { code, message } = describe(answer);
  const diagnostic = header(answer, 'x-ms-ags-diagnostic');
  return {
    at: sent.answeredAt,
    status: answer.status,
    code: cleanOrNull(code),
    message: clean(note === '' ? message : `${message} ${note}`, MAX_MESSAGE),
    requestId: cleanOrNull(requestIdOf(answer) ?? header(answer, 'request-id')),
    clientRequestId: sent.clientRequestId,
    // Longer than the other fields: JSON that names the data centre, the ring and the role.
    diagnostic: diagnostic === null ? null : clean(diagnostic, MAX_MESSAGE),
    date: cleanOrNull(header(answer, 'date')),
  };
}

/** The evidence if no answer came. `code` says why: `timeout`, `token`, `app`, `ECONNRESET`… */
export function silenceError(
  at: number,
  code: string,
  message: string,
  clientRequestId: string | null = null,
): CallError {
  return {
    at,
    status: null,
    code: clean(code, MAX_FIELD),
    message: clean(message, MAX_MESSAGE),
    requestId: null,
    clientRequestId,
    diagnostic: null,
    date: null,
  };
}

/** Graph's code and message, or what is missing. It never repeats the body of another server. */
function describe(answer: Answer): { code: string | null; message: string } {
  const { status } = answer;
  const type = header(answer, 'content-type') ?? 'no content type';
  if (isForeign(answer)) {
    const missing = requestIdOf(answer) === null ? "without Graph's request-id" : 'with HTML';
    const message = `${status} ${missing} (${type}): from a proxy, a login page or a wrong base URL`;
    return { code: FOREIGN, message };
  }
  const message = `${status} without Graph's error envelope (${type})`;
  return parseGraphError(answer.body) ?? { code: null, message };
}

function cleanOrNull(text: string | null): string | null {
  return text === null ? null : clean(text, MAX_FIELD);
}

/** Makes foreign text safe for one line of a log or page: without control or bidi characters. */
function clean(text: string, max: number): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return (line.length <= max ? line : `${line.slice(0, max - 1)}…`).toWellFormed();
}
