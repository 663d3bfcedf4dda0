import type { Outcome } from '../calls/outcome.ts';

export type Unsent = Extract<Outcome, { kind: 'failed' }> & { readonly sentAt: null };

const MESSAGES = {
  stopping: 'This replica is stopping; ask another one.',
  stopped: 'The call left the schedule before its request was sent.',
  internal: 'an error inside Callkeeper; see its log',
  queued: 'It waits for its turn: earlier requests of its app and tenant get no answer.',
} as const;

export function unsent(code: keyof typeof MESSAGES, now: number): Unsent {
  const error = {
    at: now,
    status: null,
    code,
    message: MESSAGES[code],
    requestId: null,
    clientRequestId: null,
    diagnostic: null,
    date: null,
  };
  return { kind: 'failed', sentAt: null, error };
}
