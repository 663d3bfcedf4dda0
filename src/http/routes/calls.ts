import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import type { CallsFor } from '../../calls/calls.ts';
import { problemAnswers } from '../answers.ts';
import { Owner } from '../bot-fields.ts';
import { CallRef, CallState, callAnswer, type PresentCall } from '../call-resource.ts';
import { callCursor, parseCallCursor } from '../cursors.ts';
import { MOST_CALLS } from '../limits.ts';
import { callNotFound } from '../problems.ts';
import { AppName, CallId, canonicalId, Labels } from '../track-request.ts';

export interface CallRoutesOptions {
  readonly calls: CallsFor<'find' | 'list' | 'isDurable'>;
  readonly present: PresentCall;
}

const findSchema = {
  tags: ['Calls'],
  operationId: 'getCall',
  summary: 'One call',
  description: 'A call that is tracked, or left the schedule within the last 24 hours.',
  params: Type.Object({ id: CallId }),
  response: {
    200: callAnswer('The call.'),
    ...problemAnswers(['invalid-request', 'call-not-found', 'store-unavailable']),
  },
};

const DEFAULT_LIMIT = 100;

const listSchema = {
  tags: ['Calls'],
  operationId: 'listCalls',
  summary: 'The calls, page by page',
  description:
    'Follow `next` as `cursor` until it is null: a page of a sparse filter may hold few calls, ' +
    'or none. A call that stays while the pages are read is listed exactly once.',
  querystring: Type.Object(
    {
      state: Type.Optional({ ...CallState, default: 'tracked' }),
      app: Type.Optional(AppName),
      owner: Type.Optional(Owner),
      label: Type.Optional(Labels),
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: MOST_CALLS,
          default: DEFAULT_LIMIT,
          description: 'The most calls on the page.',
        }),
      ),
      cursor: Type.Optional(
        Type.String({ maxLength: 256, description: 'The `next` of the previous page.' }),
      ),
    },
    { additionalProperties: false },
  ),
  response: {
    200: Type.Object(
      {
        calls: Type.Array(CallRef),
        next: Type.Unsafe<string | null>({
          type: ['string', 'null'],
          description: 'The `cursor` of the next page; null on the last one.',
        }),
      },
      { title: 'CallPage', description: 'One page, in no particular order.' },
    ),
    ...problemAnswers(['invalid-request', 'store-unavailable']),
  },
};

export const callRoutes: FastifyPluginCallbackTypebox<CallRoutesOptions> = (app, options, done) => {
  const { calls, present } = options;

  app.get('/calls/:id', { schema: findSchema }, async ({ params, principal }) => {
    const id = canonicalId(params.id);
    const theirs = calls.within(principal.visibleApps);
    const call = await theirs.find(id);
    if (call === null) throw callNotFound(id);
    return present(call, theirs.isDurable(id));
  });

  app.get('/calls', { schema: listSchema }, async ({ query, principal }) => {
    const { state = 'tracked', app: appName, owner, label = [], limit = DEFAULT_LIMIT } = query;
    const start = query.cursor === undefined ? undefined : parseCallCursor(query.cursor);
    const theirs = calls.within(principal.visibleApps);
    const page = await theirs.list({ state, app: appName, owner, labels: label, limit, start });
    return {
      calls: page.calls.map((call) => present(call, theirs.isDurable(call.id))),
      next: page.next && callCursor(page.next),
    };
  });

  done();
};
