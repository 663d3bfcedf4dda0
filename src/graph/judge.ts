import { header } from '../calls/header.ts';
import { retryAfterOf } from '../calls/retry-after.ts';
import type { Answer } from './exchange.ts';

/** What an answer to a keepAlive means. `claims` is a challenge for the next token, as JSON. */
export type Verdict =
  | { readonly kind: 'renewed' | 'ended' | 'refused' | 'failed' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number | null }
  | { readonly kind: 'unauthorized'; readonly claims: string | null };

/** Graph's way to tell an error. Source: https://learn.microsoft.com/graph/errors */
export interface Envelope {
  readonly code: string;
  readonly message: string;
}

/**
 * Judges an answer; the one place that does. The order matters: only Graph's
 * own 404 ends a call, one from a proxy or a wrong base URL must not.
 *
 * | answer | verdict |
 * |---|---|
 * | 2xx | `renewed` |
 * | 404 with Graph's error envelope and request id | `ended` |
 * | 401 | `unauthorized`: another token, once; then failed |
 * | 403 | `refused` |
 * | 429; 408 and 5xx with `Retry-After` | `throttled` |
 * | anything else: other 404s, 3xx, 4xx, 5xx | `failed` |
 *
 * @param now epoch ms
 */
export function judge(answer: Answer, now: number): Verdict {
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: 'renewed' };
  if (status === 404 && isGraphs(answer)) return { kind: 'ended' };
  if (status === 401) return { kind: 'unauthorized', claims: parseClaims(answer) };
  if (status === 403) return { kind: 'refused' };
  if (status === 429 || status === 408 || status >= 500) return judgeBusy(answer, now);
  return { kind: 'failed' };
}

/**
 * Whether an error is told by Graph itself: in its envelope, and with the request
 * id that it gives each answer, in a header or in `innerError`. Gateways in front
 * of it tell errors in a like shape, but know no such id.
 */
function isGraphs(answer: Answer): boolean {
  if (parseEnvelope(answer.body) === null) return false;
  const error = parseObject(answer.body)?.error as Record<string, unknown> | undefined;
  const inner = error?.innerError;
  return (typeof inner === 'object' && inner !== null) || header(answer, 'request-id') !== null;
}

function judgeBusy(answer: Answer, now: number): Verdict {
  const wait = retryAfterOf(answer, now);
  if (answer.status !== 429 && wait === null) return { kind: 'failed' };
  return { kind: 'throttled', retryAfterMs: wait };
}

/** Graph's error envelope, or null where the body is something else (a proxy's page, say). */
export function parseEnvelope(body: string): Envelope | null {
  const error = parseObject(body)?.error;
  if (typeof error !== 'object' || error === null) return null;
  const { code, message } = error as Record<string, unknown>;
  if (typeof code !== 'string' || code === '' || typeof message !== 'string') return null;
  return { code, message };
}

/**
 * The claims that Graph wants a token with, as the JSON text that MSAL takes.
 * Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
 */
function parseClaims(answer: Answer): string | null {
  const challenge = header(answer, 'www-authenticate') ?? '';
  const encoded = /\bclaims="([A-Za-z0-9+/_=-]{1,8192})"/.exec(challenge)?.[1];
  if (encoded === undefined) return null;
  const claims = Buffer.from(encoded, 'base64').toString('utf8');
  return parseObject(claims) === null ? null : claims;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null; // Not JSON: the caller's answer to it is the same as to a wrong shape.
  }
}
