import { headerValues } from '../headers/header.ts';
import type { Answer } from './exchange.ts';

/** The code and message of an error. Source: https://learn.microsoft.com/graph/errors */
export interface GraphError {
  readonly code: string;
  readonly message: string;
}

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Reads the code and the message of an error, in any of the three forms that Graph has been seen to
 * send; null for anything else:
 *
 * - its envelope, `{"error":{"code":"8522","message":"…"}}`;
 * - the same with the code `UnknownError` and the service's own error as JSON in the message,
 *   `{"errorCode":"7503","message":"…"}`
 *   (https://github.com/microsoftgraph/microsoft-graph-comms-samples/issues/432);
 * - that JSON alone, without an envelope.
 */
export function parseGraphError(body: string): GraphError | null {
  const answer = parseObject(body);
  if (answer === null) return null;
  const error = asObject(answer.error);
  if (error === null) return parseServiceError(answer);
  const { code, message } = error;
  if (typeof code !== 'string' || code === '' || typeof message !== 'string') return null;
  const wrapped = code === 'UnknownError' ? parseObject(message) : null;
  return (wrapped && parseServiceError(wrapped)) ?? { code, message };
}

/**
 * Graph gives each request an id: a GUID in the header `request-id`, and in an error's
 * `innerError`. null if there is none: proxies and gateways do not send it.
 */
export function requestIdOf(answer: Answer): string | null {
  const inHeader = headerValues(answer, 'request-id').find((value) => GUID.test(value.trim()));
  return inHeader?.trim() ?? innerRequestId(answer.body);
}

function innerRequestId(body: string): string | null {
  const error = asObject(parseObject(body)?.error);
  const inner = asObject(error?.innerError) ?? asObject(error?.innererror);
  const id = inner?.['request-id'];
  return typeof id === 'string' && GUID.test(id) ? id : null;
}

/**
 * Whether an answer is not Graph's, but that of a proxy, a login page or a wrong URL. A success
 * must have Graph's request id and must not be HTML; for an error any sign of Graph is enough.
 */
export function isForeign(answer: Answer): boolean {
  const hasRequestId = requestIdOf(answer) !== null;
  if (isSuccess(answer)) return !hasRequestId || isHtml(answer);
  const hasDiagnostic = headerValues(answer, 'x-ms-ags-diagnostic').length > 0;
  return !hasRequestId && !hasDiagnostic && parseGraphError(answer.body) === null;
}

export function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

function isHtml(answer: Answer): boolean {
  const isTyped = headerValues(answer, 'content-type').some((type) => /html/i.test(type));
  return isTyped || /^[\s\uFEFF]*</.test(answer.body);
}

/** Parses JSON; null if it is not an object. */
export function parseObject(text: string): Record<string, unknown> | null {
  // The body of a success is empty: an exception for each would cost a tenth of a keepAlive.
  if (!text.trimStart().startsWith('{')) return null;
  try {
    return asObject(JSON.parse(text));
  } catch {
    return null; // Not JSON: the same as the wrong shape.
  }
}

function parseServiceError({ errorCode, message }: Record<string, unknown>): GraphError | null {
  if (typeof message !== 'string') return null;
  if (typeof errorCode === 'number') return { code: String(errorCode), message };
  return typeof errorCode === 'string' && errorCode !== '' ? { code: errorCode, message } : null;
}

function asObject(value: unknown): Record<string, unknown> | null {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : null;
}
