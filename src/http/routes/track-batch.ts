import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { CallsFor } from '../../calls/calls.ts';
import type { Tracked } from '../../calls/tracker.ts';
import { BODY_PROBLEMS, problemAnswers } from '../answers.ts';
import { audit } from '../audit.ts';
import { ItemId, sentId } from '../batch-item.ts';
import { CallRef, type PresentCall } from '../call-resource.ts';
import { MOST_CALLS } from '../limits.ts';
import { invalidBody, type ProblemBody } from '../problems.ts';
import { isFaulty, readTrackItem, TrackItems } from '../track-request.ts';
import { presentResult } from '../track-result.ts';
import { validator } from '../validation.ts';

export interface TrackBatchRoutesOptions {
  readonly calls: CallsFor<'track'>;
  readonly present: PresentCall;
  readonly maxBodyBytes: number;
}

const envelope = { additionalProperties: false, title: 'TrackBatchBody' } as const;

/** The documented schema. */
const TrackBatchBody = Type.Object({ calls: { ...TrackItems, maxItems: MOST_CALLS } }, envelope);

/** The schema that is checked: it lets bad calls pass, so that each fails alone. */
const AnyBatch = Type.Object(
  { calls: Type.Array(Type.Unknown(), { maxItems: MOST_CALLS }) },
  envelope,
);

const TrackResult = Type.Object(
  {
    id: ItemId,
    status: Type.Unsafe<200 | 201 | 202 | 400 | 403>({
      // No enum: C# would name its members _200, _201 and so on.
      type: 'integer',
      description: 'What tracking this call alone would have answered: 200, 201, 202, 400 or 403.',
    }),
    call: Type.Optional(CallRef),
    error: Type.Optional(Type.Unsafe<ProblemBody>({ $ref: 'Problem#' })),
  },
  {
    title: 'TrackResult',
    description: 'The result for one call; `error` if it is refused.',
  },
);

const schema = {
  tags: ['Tracking'],
  operationId: 'trackCalls',
  summary: `Track up to ${MOST_CALLS} calls at once`,
  description:
    'For a bot that restarts. Each call succeeds or fails on its own; the results are in the ' +
    'order of the calls. An id that comes twice counts as two requests, one after the other.',
  body: TrackBatchBody,
  response: {
    200: Type.Object(
      { results: Type.Array(TrackResult) },
      { title: 'TrackCallsAnswer', description: 'One result per call, in order.' },
    ),
    ...problemAnswers(['invalid-request', ...BODY_PROBLEMS, 'store-unavailable']),
  },
};

export const trackBatchRoutes: FastifyPluginCallbackTypebox<TrackBatchRoutesOptions> = (
  app,
  { calls, present, maxBodyBytes },
  done,
) => {
  app.route({
    method: 'POST',
    url: '/calls/track',
    bodyLimit: maxBodyBytes,
    schema,
    validatorCompiler: () => validator(AnyBatch, 'body'),
    async handler(request) {
      const items: readonly unknown[] = request.body.calls;
      const reads = items.map((item, i) => readTrackItem(item, `/calls/${i}`));
      const requests = reads.flatMap((read) => (isFaulty(read) ? [] : [read]));
      const theirs = calls.within(request.principal.visibleApps);
      const tracked = requests.length > 0 ? await theirs.track(requests) : [];
      auditBatch(request, tracked, items.length);
      const results = tracked.values();
      return {
        results: reads.map((read, i) => {
          if (isFaulty(read)) return refused(items[i], invalidBody(read));
          const result = results.next().value;
          if (!result) throw new Error('fewer results than calls to track');
          return { id: read.id, ...presentResult(result, present, `/calls/${i}`) };
        }),
      };
    },
  });
  done();
};

/** One line with counts: 1,000 lines would cost more than tracking the calls. */
function auditBatch(request: FastifyRequest, results: readonly Tracked[], calls: number): void {
  const count = (kind: Tracked['kind']) => results.filter((one) => one.kind === kind).length;
  for (const result of results) if (result.kind === 'forbidden') request.forbid(result.message);
  const [created, updated] = [count('created'), count('updated')];
  if (created + updated === 0) return;
  audit(request, { action: 'track', outcome: 'batch', calls, created, updated });
}

function refused(item: unknown, error: ProblemBody) {
  const given = typeof item === 'object' && item !== null && 'id' in item ? item.id : null;
  return { id: sentId(given), status: 400 as const, error };
}
