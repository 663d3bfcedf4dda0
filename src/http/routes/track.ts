import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import type { CallsFor } from '../../calls/calls.ts';
import type { Tracked } from '../../calls/tracker.ts';
import { BODY_PROBLEMS, problemAnswers } from '../answers.ts';
import { audit } from '../audit.ts';
import { defaultToEmptyBody } from '../bodies.ts';
import { callAnswer, type PresentCall } from '../call-resource.ts';
import { invalidBody, Problem } from '../problems.ts';
import { CallId, canonicalId, isFaulty, readTrack, TrackBody } from '../track-request.ts';
import { type PresentedResult, presentResult } from '../track-result.ts';

type TrackMethods = 'track' | 'untrack' | 'afterFirst' | 'isDurable';

export interface TrackRoutesOptions {
  readonly calls: CallsFor<TrackMethods>;
  readonly present: PresentCall;
}

const params = Type.Object({ id: CallId });

const trackSchema = {
  tags: ['Tracking'],
  operationId: 'trackCall',
  summary: 'Track a call, or update what is tracked',
  description:
    'Keeps the call alive from now on: the first keepAlive goes out within seconds. May be ' +
    'repeated at any time. Fields that a repeat does not name stay as they are: a repeat without a ' +
    'body changes nothing and publishes no event. A call that ended or was stopped starts from scratch.',
  params,
  querystring: Type.Object(
    {
      wait: Type.Optional(
        Type.Boolean({
          description:
            'true: answers after the first keepAlive, with its outcome in the call: `renewedAt` is ' +
            'set; or `lastError` says why not; or `state` is `ended` because Graph does not know ' +
            'the id. A call that was renewed before is answered at once. Takes 30 s at most.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  body: TrackBody,
  response: {
    200: callAnswer('It was tracked already; the fields that the body names have been replaced.'),
    201: callAnswer('It is tracked from now on.'),
    202: callAnswer(
      'Redis is out: this replica keeps it alive, and stores it later (`durable` is false). With ' +
        '`wait=true` also: the first keepAlive has no outcome yet (`renewedAt` and `lastError` are null).',
    ),
    ...problemAnswers(['invalid-request', ...BODY_PROBLEMS, 'store-unavailable']),
  },
};

const untrackSchema = {
  tags: ['Tracking'],
  operationId: 'untrackCall',
  summary: 'Stop tracking a call',
  description:
    'May be repeated: it is no error if the call is not tracked. A keepAlive that is in flight ' +
    'may still reach Graph.',
  params,
  response: {
    202: Type.Object(
      { durable: Type.Literal(false) },
      {
        description:
          'Redis is out: this replica has stopped the call, and stores that later. The body is ' +
          '`{ "durable": false }`.',
      },
    ),
    204: Type.Null({ description: 'It is not tracked.' }),
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
    preValidation: defaultToEmptyBody,
    async handler(request, reply) {
      const asked = readTrack(request.params.id, request.body, '');
      if (isFaulty(asked)) throw new Problem(invalidBody(asked));
      const theirs = calls.within(request.principal.visibleApps);
      const [result] = await theirs.track([asked]);
      if (!result) throw new Error('no result came for a call to track');
      if (result.kind === 'forbidden') throw request.forbid(result.message);
      const { status, call, error } = request.query.wait
        ? await presentAfterFirst(result, theirs, present)
        : presentResult(result, present, '');
      if (error) throw new Problem(error);
      audit(request, { action: 'track', call: asked.id, outcome: result.kind });
      return reply.code(status).send(call);
    },
  });

  app.route({
    method: 'DELETE',
    url: '/calls/:id/track',
    schema: untrackSchema,
    async handler(request, reply) {
      const id = canonicalId(request.params.id);
      const { durable, stopped } = await calls.within(request.principal.visibleApps).untrack(id);
      audit(request, { action: 'untrack', call: id, outcome: stopped ? 'untracked' : 'unknown' });
      return durable ? reply.code(204).send(null) : reply.code(202).send({ durable });
    },
  });

  done();
};

async function presentAfterFirst(
  result: Tracked,
  calls: ReturnType<TrackRoutesOptions['calls']['within']>,
  present: PresentCall,
): Promise<PresentedResult> {
  const presented = presentResult(result, present, '');
  if (presented.error || !('call' in result)) return presented;
  const { call, isPending } = await calls.afterFirst(result.call);
  const durable = calls.isDurable(call.id);
  const kept = result.kind === 'created' ? 201 : 200;
  return { status: durable && !isPending ? kept : 202, call: present(call, durable) };
}
