import { isCall, isObject } from './answers.ts';
import type { Call, KeepAliveProblem, LastError } from './api.ts';
import type { Answer, RequestOptions } from './attempt.ts';
import { OUTCOME_MS } from './outcome.ts';
import { callPath } from './paths.ts';
import type { Transport } from './transport.ts';

/** The outcome of a keepAlive: `renewed`, or why it was not renewed. */
export type KeepAliveResult =
  | { readonly outcome: 'renewed' | 'ended'; readonly call: Call }
  | {
      readonly outcome: 'throttled' | 'refused' | 'failed';
      readonly call: Call;
      readonly lastError: LastError;
    };

const NOT_FOUND = 'urn:callkeeper:problem:call-not-found';
const ENDED = 'urn:callkeeper:problem:call-ended';
const FAILED = 'urn:callkeeper:problem:keep-alive-failed';

export async function keepAlive(
  transport: Transport,
  id: string,
  options?: RequestOptions,
): Promise<KeepAliveResult | null> {
  const path = `${callPath(id)}/keepAlive`;
  const answers = ({ body }: Answer) =>
    isObject(body) && (body.type === NOT_FOUND || isCall(body.call, id));
  const expects = [NOT_FOUND, ENDED, FAILED] as const;
  const request = { method: 'POST', path, expects, answers, attemptMs: OUTCOME_MS } as const;
  const { body } = await transport.send(request, options);
  const { type, outcome, call, lastError } = body as Partial<KeepAliveProblem>;
  if (type === NOT_FOUND) return null;
  return { outcome, call, ...(lastError ? { lastError } : {}) } as KeepAliveResult;
}
