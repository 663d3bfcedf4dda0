import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { VisibleApps } from '../../calls/principal.ts';
import type { Owners } from '../../owners/owners.ts';
import { BODY_PROBLEMS, problemAnswers } from '../answers.ts';
import { audit } from '../audit.ts';
import { Owner } from '../bot-fields.ts';
import { MOST_CALLS } from '../limits.ts';
import { OwnerRef, OwnerState, presentOwner } from '../owner-resource.ts';
import { invalidBody, Problem, problemBody } from '../problems.ts';
import { AppName } from '../track-request.ts';

export interface OwnerRoutesOptions {
  readonly owners: {
    within(visibleApps: VisibleApps): Pick<Owners, 'renew' | 'find' | 'list' | 'drop'>;
  };
}

const params = Type.Object({ owner: Owner });
const ofApp = Type.Object(
  { app: Type.Optional(AppName) },
  { additionalProperties: false, description: 'The app of the owner; the default app if absent.' },
);

const LEASE_SECONDS = { minimum: 10, maximum: 86_400 } as const;
const DEFAULT_LEASE_SECONDS = 90;

const LeaseBody = Type.Object(
  {
    leaseSeconds: Type.Optional(
      Type.Integer({
        ...LEASE_SECONDS,
        default: DEFAULT_LEASE_SECONDS,
        description:
          'How long the lease runs without another renewal. Renew it three times in that time, so ' +
          'that one request may fail.',
      }),
    ),
    app: Type.Optional({
      ...AppName,
      description: 'The app of the owner and its calls; the default app if absent.',
    }),
  },
  { additionalProperties: false, title: 'LeaseBody' },
);

const renewSchema = {
  tags: ['Owners'],
  operationId: 'renewOwner',
  summary: 'Renew the lease of an owner',
  description:
    'One request renews the lease for all calls of the owner; it may have no calls yet. If the ' +
    'lease runs out, `owner.lapsed` is published; OWNER_GRACE later its calls are stopped. Time in ' +
    'which no replica served or Redis was out does not count.',
  params,
  querystring: ofApp,
  body: LeaseBody,
  response: {
    200: Type.Unsafe({ ...OwnerRef, description: 'The lease was renewed.' }),
    202: Type.Unsafe({
      ...OwnerRef,
      description: 'Redis is out: this replica stores the renewal later.',
    }),
    ...problemAnswers([
      'invalid-request',
      ...BODY_PROBLEMS,
      'too-many-owners',
      'store-unavailable',
    ]),
  },
};

const findSchema = {
  tags: ['Owners'],
  operationId: 'getOwner',
  summary: 'One owner',
  description: 'An owner that has a lease or calls, or was lost within the last 24 hours.',
  params,
  querystring: ofApp,
  response: {
    200: Type.Unsafe({ ...OwnerRef, description: 'The owner.' }),
    ...problemAnswers(['invalid-request', 'owner-not-found', 'store-unavailable']),
  },
};

const DEFAULT_LIMIT = 100;

const listSchema = {
  tags: ['Owners'],
  operationId: 'listOwners',
  summary: 'The owners, page by page',
  description:
    'The owners, sorted by name. Without `state`, those that have a lease or calls. Every page costs ' +
    'the replica a read of all owners.',
  querystring: Type.Object(
    {
      app: Type.Optional(AppName),
      state: Type.Optional(OwnerState),
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: MOST_CALLS,
          default: DEFAULT_LIMIT,
          description: 'The most owners on the page.',
        }),
      ),
      cursor: Type.Optional(
        Type.String({ maxLength: 1_024, description: 'The `next` of the previous page.' }),
      ),
    },
    { additionalProperties: false },
  ),
  response: {
    200: Type.Object(
      {
        owners: Type.Array(OwnerRef),
        next: Type.Unsafe<string | null>({
          type: ['string', 'null'],
          description: 'The `cursor` of the next page; null on the last one.',
        }),
      },
      { title: 'OwnerPage', description: 'One page.' },
    ),
    ...problemAnswers(['invalid-request', 'store-unavailable']),
  },
};

const DropOwnerAnswer = Type.Object(
  {
    stopped: Type.Integer({ minimum: 0, description: 'How many calls were tracked until now.' }),
    durable: Type.Optional(Type.Literal(false, { description: 'Only while Redis is out.' })),
  },
  { title: 'DropOwnerAnswer' },
);

/** One schema for both answers, because generators use one type per operation. */
const dropAnswer = (description: string) => ({
  description,
  content: { 'application/json': { schema: DropOwnerAnswer } },
});

const dropSchema = {
  tags: ['Owners'],
  operationId: 'dropOwner',
  summary: 'Stop all calls of an owner and drop its lease',
  description: 'May be repeated: for an unknown owner it stops no calls.',
  params,
  querystring: ofApp,
  response: {
    200: dropAnswer('The calls are no longer tracked.'),
    202: dropAnswer('Redis is out: this replica has stopped the calls, and stores that later.'),
    ...problemAnswers(['invalid-request', 'store-unavailable']),
  },
};

export const ownerRoutes: FastifyPluginCallbackTypebox<OwnerRoutesOptions> = (
  app,
  { owners },
  done,
) => {
  app.route({
    method: 'PUT',
    url: '/owners/:owner',
    schema: renewSchema,
    preValidation(request, _reply, next) {
      if (request.body === undefined) request.body = {};
      next();
    },
    async handler(request, reply) {
      const { leaseSeconds = DEFAULT_LEASE_SECONDS, app: appName = request.query.app } =
        request.body;
      const { owner: name } = request.params;
      const theirs = owners.within(request.principal.visibleApps);
      const result = await theirs.renew(name, appName, leaseSeconds * 1_000);
      if (result.kind === 'too-many') {
        throw new Problem(problemBody('too-many-owners', result.message));
      }
      if (result.kind !== 'renewed') throw refusal(request, result, { pointer: '/app' });
      // Later renewals would fill the audit log.
      if (result.isNew) {
        audit(request, { action: 'own', owner: name, app: result.owner.app, outcome: 'renewed' });
      }
      return reply.code(result.durable ? 200 : 202).send(presentOwner(result.owner));
    },
  });

  app.get('/owners/:owner', { schema: findSchema }, async (request) => {
    const { params, query, principal } = request;
    const found = await owners.within(principal.visibleApps).find(params.owner, query.app);
    if (found.kind === 'invalid') throw refusal(request, found, { parameter: 'app' });
    // For a key that is limited to apps, owners of other apps do not exist.
    if (found.kind === 'forbidden') throw ownerNotFound(params.owner, found.message);
    if (found.owner) return presentOwner(found.owner);
    const detail = `of the app ${found.app}, it has no lease and no calls, and was not lost within the last 24 hours`;
    throw ownerNotFound(params.owner, detail);
  });

  app.get('/owners', { schema: listSchema }, async ({ query, principal }) => {
    const { limit = DEFAULT_LIMIT } = query;
    const page = await owners.within(principal.visibleApps).list({ ...query, limit });
    return { owners: page.owners.map(presentOwner), next: page.next };
  });

  app.delete('/owners/:owner', { schema: dropSchema }, async (request, reply) => {
    const { owner: name } = request.params;
    const result = await owners.within(request.principal.visibleApps).drop(name, request.query.app);
    if (result.kind !== 'dropped') throw refusal(request, result, { parameter: 'app' });
    const { app, stopped, durable } = result;
    audit(request, { action: 'drop-owner', owner: name, app, outcome: 'dropped', stopped });
    return durable ? { stopped } : reply.code(202).send({ stopped, durable });
  });

  done();
};

function ownerNotFound(name: string, why: string): Problem {
  return new Problem(problemBody('owner-not-found', `${name}: ${why}`));
}

function refusal(
  request: FastifyRequest,
  result: { readonly kind: 'invalid' | 'forbidden'; readonly message: string },
  place: { readonly pointer: string } | { readonly parameter: string },
): Problem {
  if (result.kind === 'forbidden') return request.forbid(result.message);
  return new Problem(invalidBody([{ ...place, detail: result.message }]));
}
