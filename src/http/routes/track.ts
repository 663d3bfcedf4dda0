import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import type { Calls } from '../../calls/calls.ts';
import { BODY_PROBLEMS, problemAnswers } from '../answers.ts';
import { callAnswer, type PresentCall } from '../call-resource.ts';
import { invalidBody, Problem } from '../problems.ts';
import { CallId, canonicalId, isFaulty, readTrack, TrackBody } from '../track-request.ts';
import { presentResult } from '../track-result.ts';

export interface TrackRoutesOptions {
  readonly calls: Pick<Calls, 'track' | 'untrack'>;
  readonly present: PresentCall;
}

const params = Type.Object({ id: CallId });

const trackSchema = {
  tags: ['Tracking'],
  operationId: 'trackCall',
  summary: 'Track a call, or update what is tracked',
  description:
    'Keeps the call alive from now on: the first keepAlive goes out within seconds. May be ' +
    'repeated at any time; the body is optional and then takes the place of what was said before.',
  params,
  body: TrackBody,
  response: {
    200: callAnswer('It was tracked already and has been updated.'),
    201: callAnswer('It is tracked from now on.'),
    202: callAnswer('Redis is out: this replica keeps it alive, and stores it later.'),
    ...problemAnswers(['invalid-request', ...BODY_PROBLEMS, 'store-unavailable']),
  },
};

const untrackSchema = {
  tags: ['Tracking'],
  operationId: 'untrackCall',
  summary: 'Stop tracking a call',
  description:
    'May be repeated: a call that is not tracked is no error. A keepAlive that is under way ' +
    'may still reach Graph.',
  params,
  response: {
    202: Type.Object(
      { durable: Type.Literal(false) },
      { description: 'Redis is out: this replica has stopped, and stores it later.' },
    ),
    204: Type.Null({ description: 'It is not tracked (any more).' }),
    ...problemAnswers(['invalid-request', ...BODY_PROBLEMS, 'store-unavailable']),
  },
};

export const trackRoutes: FastifyPluginCallbackTypebox<TrackRoutesOptions> = (
  app,
  options,
  done,
) => {
  const { calls, present } = options;

  app.route({
    method: 'POST',
    url: '/calls/:id/track',
    schema: trackSchema,
    preValidation(request, _reply, next) {
      if (request.body === undefined) request.body = {};
      next();
    },
    async handler({ params: { id }, body }, reply) {
      const request = readTrack(id, body, '');
      if (isFaulty(request)) throw new Problem(invalidBody(request));
      const [result] = await calls.track([request]);
      if (!result) throw new Error('no result came for a call to track');
      const { status, call, error } = presentResult(result, present, '');
      if (error) throw new Problem(error);
      return reply.code(status).send(call);
    },
  });

  app.route({
    method: 'DELETE',
    url: '/calls/:id/track',
    schema: untrackSchema,
    async handler({ params: { id } }, reply) {
      const { durable } = await calls.untrack(canonicalId(id));
      return durable ? reply.code(204).send(null) : reply.code(202).send({ durable });
    },
  });

  done();
};
