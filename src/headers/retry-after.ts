import { header, type WithHeaders } from './header.ts';

/** A longer wait is a mistake of the sender, or an attack. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

const SECONDS = /^\d+(\.\d+)?$/;
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d{2}:\d{2}:\d{2}/;

export function retryAfterOf(answer: WithHeaders, now: number): number | null {
  return parseRetryAfter(header(answer, 'retry-after'), header(answer, 'date'), now);
}

/**
 * The wait that a `Retry-After` header asks for, in ms from the answer, from 0 to
 * {@link MAX_RETRY_AFTER_MS}. null if the value is neither seconds (Graph sends decimals such as
 * `2.128`) nor an HTTP date.
 *
 * A date is measured from the answer's own `Date`, if it has one, so that the difference between
 * the clocks does not matter. Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 *
 * @param now epoch ms, for an answer without a `Date`
 */
export function parseRetryAfter(
  retryAfter: string | null,
  date: string | null,
  now: number,
): number | null {
  const text = retryAfter?.trim() ?? '';
  if (SECONDS.test(text)) return clamp(Math.ceil(Number(text) * 1000));
  const until = parseHttpDate(text);
  if (until === null) return null;
  return clamp(until - (parseHttpDate(date?.trim() ?? '') ?? now));
}

function parseHttpDate(text: string): number | null {
  if (!HTTP_DATE.test(text)) return null;
  // The asctime form has no zone: HTTP means UTC, Date.parse local time.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? null : at;
}

function clamp(ms: number): number {
  return Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}
