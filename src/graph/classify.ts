import { headerValues } from '../headers/header.ts';
import { retryAfterOf } from '../headers/retry-after.ts';
import type { Answer } from './exchange.ts';
import { isForeign, isSuccess, parseGraphError, parseObject, requestIdOf } from './graph-error.ts';

/** What an answer to a keepAlive means. `claims` is a challenge for the next token, as JSON. */
export type Classification =
  | { readonly kind: 'renewed' | 'ended' | 'refused' | 'not_found' | 'foreign' | 'failed' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number | null }
  | { readonly kind: 'unauthorized'; readonly claims: string | null };

/** Graph's "Call not found." */
const CALL_NOT_FOUND = '8522';

/**
 * Classifies an answer. Only Graph's own answers count: a login page must not renew a call, and a
 * gateway's 404 must not end one.
 *
 * | answer | classification |
 * |---|---|
 * | 2xx with Graph's request id, neither HTML nor an error | `renewed` |
 * | 404 with Graph's request id and the code 8522 | `ended` |
 * | 401 | `unauthorized`: retried once with a new token; then failed |
 * | 429; 408 and 5xx with `Retry-After` | `throttled` |
 * | any other 2xx, and any other answer without a sign of Graph | `foreign` |
 * | 403 | `refused` |
 * | other 404s: Graph sends some for calls that exist | `not_found` |
 * | anything else: 3xx, 4xx, 5xx | `failed` |
 *
 * The last two, and `foreign`, are failures: they are retried until the deadline.
 *
 * @param now epoch ms
 */
export function classify(answer: Answer, now: number): Classification {
  const { status } = answer;
  if (isSuccess(answer)) return { kind: classifySuccess(answer) };
  if (status === 404 && isCallNotFound(answer)) return { kind: 'ended' };
  if (status === 401) return { kind: 'unauthorized', claims: parseClaims(answer) };
  const busy = classifyBusy(answer, now);
  if (busy !== null) return busy;
  if (isForeign(answer)) return { kind: 'foreign' };
  if (status === 403) return { kind: 'refused' };
  return { kind: status === 404 ? 'not_found' : 'failed' };
}

function classifySuccess(answer: Answer): 'renewed' | 'foreign' | 'failed' {
  if (isForeign(answer)) return 'foreign';
  return parseGraphError(answer.body) === null ? 'renewed' : 'failed';
}

function isCallNotFound(answer: Answer): boolean {
  if (requestIdOf(answer) === null) return false;
  return parseGraphError(answer.body)?.code === CALL_NOT_FOUND;
}

function classifyBusy(answer: Answer, now: number): Classification | null {
  const { status } = answer;
  if (status !== 429 && status !== 408 && status < 500) return null;
  const wait = retryAfterOf(answer, now);
  return status === 429 || wait !== null ? { kind: 'throttled', retryAfterMs: wait } : null;
}

/**
 * The claims that Graph wants in a token, as the JSON text for MSAL. The challenge may be in any of
 * several `WWW-Authenticate` headers.
 * Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
 */
function parseClaims(answer: Answer): string | null {
  const encoded = headerValues(answer, 'www-authenticate').flatMap((challenge) => [
    ...challenge.matchAll(/\bclaims\s*=\s*"([A-Za-z0-9+/_=-]{1,8192})"/gi),
  ]);
  const claims = encoded.map(([, text = '']) => Buffer.from(text, 'base64').toString('utf8'));
  return claims.find((text) => parseObject(text) !== null) ?? null;
}
