import { randomUUID } from 'node:crypto';
import type { Dispatcher } from 'undici';
import type { Outcome } from '../calls/outcome.ts';
import type { Clock } from '../calls/ports.ts';
import { type Classification, classify } from './classify.ts';
import { answerError, type Sent, silenceError } from './evidence.ts';
import { type Answer, ExchangeError, type ExchangeTimeouts, exchange } from './exchange.ts';
import { type KeepAliveEndpoint, keepAliveRequest } from './keep-alive-request.ts';

/** One request and its answer; `answer` is null if none came. */
export interface KeepAliveAttempt {
  readonly classification: Classification;
  readonly sent: Sent;
  readonly answer: Answer | null;
  readonly outcome: Outcome;
}

/** Sends one keepAlive. Never rejects if no answer came: that is an outcome too. */
export async function attempt(
  endpoint: KeepAliveEndpoint,
  what: { readonly callId: string; readonly token: string | null; readonly userAgent: string },
  by: { readonly dispatcher: Dispatcher; readonly limits: ExchangeTimeouts; readonly clock: Clock },
): Promise<KeepAliveAttempt> {
  const clientRequestId = randomUUID();
  const request = keepAliveRequest(endpoint, { ...what, clientRequestId });
  const sentAt = by.clock.now();
  const answer = await exchange(by.dispatcher, request, by.limits).catch(toExchangeError);
  return toAttempt(answer, { sentAt, answeredAt: by.clock.now(), clientRequestId }, request.origin);
}

function toExchangeError(error: unknown): ExchangeError {
  if (error instanceof ExchangeError) return error;
  throw error;
}

function toAttempt(answer: Answer | ExchangeError, sent: Sent, origin: string): KeepAliveAttempt {
  if (!(answer instanceof ExchangeError)) {
    const classification = classify(answer, sent.answeredAt);
    return { classification, sent, answer, outcome: toOutcome(classification, answer, sent) };
  }
  const message = `No answer from ${origin}: ${answer.message}`;
  const error = silenceError(sent.answeredAt, answer.code, message, sent.clientRequestId);
  const outcome: Outcome = { kind: 'failed', sentAt: sent.sentAt, error };
  return { classification: { kind: 'failed' }, sent, answer: null, outcome };
}

function toOutcome(classification: Classification, answer: Answer, sent: Sent): Outcome {
  const { sentAt } = sent;
  if (classification.kind === 'renewed') return { kind: 'renewed', sentAt };
  const error = answerError(answer, sent);
  switch (classification.kind) {
    case 'throttled':
      return { kind: 'throttled', sentAt, error, retryAfterMs: classification.retryAfterMs };
    case 'unauthorized':
    case 'not_found':
    case 'foreign':
      return { kind: 'failed', sentAt, error };
    default:
      return { kind: classification.kind, sentAt, error };
  }
}
