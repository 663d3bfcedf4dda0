import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import type { CallsFor } from '../../calls/calls.ts';
import { BODY_PROBLEMS, problemAnswers } from '../answers.ts';
import { audit } from '../audit.ts';
import { CallRef, type PresentCall, presentError } from '../call-resource.ts';
import { Problem, problemBody } from '../problems.ts';
import { CallId, canonicalId } from '../track-request.ts';

export interface KeepAliveRoutesOptions {
  readonly calls: CallsFor<'keepAliveNow' | 'isDurable'>;
  readonly present: PresentCall;
}

const schema = {
  tags: ['Calls'],
  operationId: 'keepAliveNow',
  summary: 'One keepAlive now, outside the schedule',
  description:
    'Sends one keepAlive, in its turn like all others, and answers with the outcome, which also ' +
    'counts for the call. If a keepAlive of the call is in flight, the request joins it and gets ' +
    'the same outcome. A request that follows another too closely gets 429, and so does the 65th ' +
    'request that waits for the same keepAlive.',
  params: Type.Object({ id: CallId }),
  response: {
    200: Type.Object(
      { outcome: Type.Literal('renewed'), call: CallRef },
      { title: 'KeepAliveAnswer', description: 'Graph renewed the call.' },
    ),
    ...problemAnswers(
      [
        'invalid-request',
        'call-not-found',
        'call-ended',
        ...BODY_PROBLEMS,
        'keep-alive-failed',
        'store-unavailable',
      ],
      'KeepAliveProblem',
    ),
  },
};

export const keepAliveRoutes: FastifyPluginCallbackTypebox<KeepAliveRoutesOptions> = (
  app,
  { calls, present },
  done,
) => {
  app.post('/calls/:id/keepAlive', { schema }, async (request) => {
    const id = canonicalId(request.params.id);
    const theirs = calls.within(request.principal.visibleApps);
    const result = await theirs.keepAliveNow(id);
    if (result === null) throw new Problem(problemBody('call-not-found', `${id} is not tracked`));
    if ('retryAfterMs' in result) throw tooSoon(id, result.retryAfterMs);
    const call = present(result.call, theirs.isDurable(id));
    const { outcome } = result;
    audit(request, { action: 'keepAlive', call: id, outcome: outcome.kind });
    if (outcome.kind === 'renewed') return { outcome: outcome.kind, call };
    const lastError = presentError(outcome.error);
    const members = { outcome: outcome.kind, call, lastError };
    const name = outcome.kind === 'ended' ? 'call-ended' : 'keep-alive-failed';
    throw new Problem(problemBody(name, outcome.error.message, members));
  });
  done();
};

function tooSoon(id: string, retryAfterMs: number): Problem {
  const seconds = Math.ceil(retryAfterMs / 1_000);
  const detail = `${id} got a keepAlive request a moment ago, or too many requests wait for its result; try again in ${seconds} s`;
  return new Problem(problemBody('rate-limited', detail), { 'retry-after': String(seconds) });
}
