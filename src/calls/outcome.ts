import type { CallError } from './call.ts';

/**
 * The outcome of one keepAlive. `sentAt` is when the request was sent (epoch ms); null if none was
 * sent, for example without a token.
 *
 * - `renewed`: Graph's own 2xx. The call lives.
 * - `ended`: Graph's own 404 with the code 8522. The call is over.
 * - `throttled`: Graph asks us to wait (429, or 408 or any 5xx with `Retry-After`), for
 *   `retryAfterMs`; null if it did not say how long.
 * - `refused`: 403, or Entra does not know the tenant (then nothing was sent). Only a person can
 *   fix it.
 * - `failed`: everything else. It is retried.
 */
export type Outcome =
  | { readonly kind: 'renewed'; readonly sentAt: number }
  | { readonly kind: 'ended'; readonly sentAt: number; readonly error: CallError }
  | {
      readonly kind: 'throttled';
      readonly sentAt: number;
      readonly error: CallError;
      readonly retryAfterMs: number | null;
    }
  | { readonly kind: 'refused'; readonly sentAt: number | null; readonly error: CallError }
  | { readonly kind: 'failed'; readonly sentAt: number | null; readonly error: CallError };

/** The code of the error if something other than Graph answered. */
export const FOREIGN = 'foreign';
