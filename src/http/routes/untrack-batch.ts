import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import { parseCallId } from '../../calls/call.ts';
import type { CallsFor } from '../../calls/calls.ts';
import { BODY_PROBLEMS, problemAnswers } from '../answers.ts';
import { audit } from '../audit.ts';
import { ItemId, sentId } from '../batch-item.ts';
import { MOST_CALLS } from '../limits.ts';
import { invalidBody, type ProblemBody } from '../problems.ts';
import { CallId } from '../track-request.ts';
import { validator } from '../validation.ts';

export interface UntrackBatchRoutesOptions {
  readonly calls: CallsFor<'untrackAll'>;
  readonly maxBodyBytes: number;
}

const envelope = { additionalProperties: false, title: 'UntrackBatchBody' } as const;

/** The documented schema. */
const UntrackBatchBody = Type.Object(
  { ids: Type.Array(CallId, { maxItems: MOST_CALLS, description: 'The ids of the calls.' }) },
  envelope,
);

/** The schema that is checked: it lets bad ids pass, so that each fails alone. */
const AnyBatch = Type.Object(
  { ids: Type.Array(Type.Unknown(), { maxItems: MOST_CALLS }) },
  envelope,
);

const UntrackResult = Type.Object(
  {
    id: ItemId,
    status: Type.Unsafe<202 | 204 | 400>({
      type: 'integer',
      description:
        'The status that `DELETE /calls/{id}/track` would have for this call: 202, 204 or 400.',
    }),
    error: Type.Optional(Type.Unsafe<ProblemBody>({ $ref: 'Problem#' })),
  },
  { title: 'UntrackResult', description: 'The result for one id; `error` if it is not an id.' },
);

const schema = {
  tags: ['Tracking'],
  operationId: 'untrackCalls',
  summary: `Stop tracking up to ${MOST_CALLS} calls at once`,
  description:
    'For a bot that stops. Each call succeeds or fails on its own; the results are in the order of ' +
    'the ids. It is no error if a call is not tracked.',
  body: UntrackBatchBody,
  response: {
    200: Type.Object(
      { results: Type.Array(UntrackResult) },
      { title: 'UntrackCallsAnswer', description: 'One result per call, in order.' },
    ),
    ...problemAnswers(['invalid-request', ...BODY_PROBLEMS, 'store-unavailable']),
  },
};

export const untrackBatchRoutes: FastifyPluginCallbackTypebox<UntrackBatchRoutesOptions> = (
  app,
  { calls, maxBodyBytes },
  done,
) => {
  app.route({
    method: 'POST',
    url: '/calls/untrack',
    bodyLimit: maxBodyBytes,
    schema,
    validatorCompiler: () => validator(AnyBatch, 'body'),
    async handler(request) {
      const given: readonly unknown[] = request.body.ids;
      const ids = given.map((id) => (typeof id === 'string' ? parseCallId(id) : null));
      const wanted = [...new Set(ids.filter((id) => id !== null))];
      const theirs = calls.within(request.principal.visibleApps);
      const stopped = wanted.length > 0 ? await theirs.untrackAll(wanted) : [];
      const byId = new Map(wanted.map((id, i) => [id, stopped[i]]));
      const count = stopped.filter((one) => one.stopped).length;
      audit(request, {
        action: 'untrack',
        outcome: 'batch',
        calls: wanted.length,
        stopped: count,
      });
      return {
        results: ids.map((id, i) => {
          if (id === null) return refused(given[i], i);
          return { id, status: byId.get(id)?.durable ? (204 as const) : (202 as const) };
        }),
      };
    },
  });
  done();
};

function refused(given: unknown, i: number) {
  const fault = {
    pointer: `/ids/${i}`,
    detail: 'must be the id of a call: 8 to 128 of A-Z a-z 0-9 - _',
  };
  return { id: sentId(given), status: 400 as const, error: invalidBody([fault]) };
}
