import type { Outcome } from '../calls/outcome.ts';
import { type Classification, classify } from './classify.ts';
import { answerError, type Sent, silenceError } from './evidence.ts';
import { type Answer, ExchangeError } from './exchange.ts';

/** One request and its answer; `answer` is null if none came. */
export interface Attempt {
  readonly classification: Classification;
  readonly sent: Sent;
  readonly answer: Answer | null;
  readonly outcome: Outcome;
}

/** @param origin where the request went */
export function toAttempt(answer: Answer | ExchangeError, sent: Sent, origin: string): Attempt {
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
