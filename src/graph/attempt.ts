import type { Outcome } from '../calls/outcome.ts';
import { answerError, type Sent, silenceError } from './evidence.ts';
import { type Answer, ExchangeError } from './exchange.ts';
import { judge, type Verdict } from './judge.ts';

/** One request and its answer; `answer` is null if none came. */
export interface Attempt {
  readonly verdict: Verdict;
  readonly sent: Sent;
  readonly answer: Answer | null;
  readonly outcome: Outcome;
}

/** Evaluates an answer, or its absence. `origin` is where the request went. */
export function conclude(answer: Answer | ExchangeError, sent: Sent, origin: string): Attempt {
  if (!(answer instanceof ExchangeError)) {
    const verdict = judge(answer, sent.answeredAt);
    return { verdict, sent, answer, outcome: toOutcome(verdict, answer, sent) };
  }
  const message = `No answer from ${origin}: ${answer.message}`;
  const error = silenceError(sent.answeredAt, answer.code, message, sent.clientRequestId);
  const outcome: Outcome = { kind: 'failed', sentAt: sent.sentAt, error };
  return { verdict: { kind: 'failed' }, sent, answer: null, outcome };
}

function toOutcome(verdict: Verdict, answer: Answer, sent: Sent): Outcome {
  const { sentAt } = sent;
  if (verdict.kind === 'renewed') return { kind: 'renewed', sentAt };
  const error = answerError(answer, sent);
  switch (verdict.kind) {
    case 'throttled':
      return { kind: 'throttled', sentAt, error, retryAfterMs: verdict.retryAfterMs };
    case 'unauthorized':
    case 'not_found':
    case 'foreign':
      return { kind: 'failed', sentAt, error };
    default:
      return { kind: verdict.kind, sentAt, error };
  }
}
