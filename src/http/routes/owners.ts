import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Owners } from '../../calls/owners.ts';
import type { Reach } from '../../calls/principal.ts';
import { BODY_PROBLEMS, problemAnswers } from '../answers.ts';
import { audit } from '../audit.ts';
import { MOST_CALLS } from '../limits.ts';
import { OwnerRef, OwnerState, presentOwner } from '../owner-resource.ts';
import { invalidBody, Problem, problemBody } from '../problems.ts';
import { AppName, Owner } from '../track-request.ts';

export interface OwnerRoutesOptions {
  readonly owners: { within(reach: Reach): Pick<Owners, 'renew' | 'find' | 'list' | 'drop'> };
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
          'How long the owner counts as alive without another renewal. Renew it three times in that ' +
          'time, so that one request may fail.',
      }),
    ),
    app: Type.Optional({
      ...AppName,
      description: 'The app of the calls that the owner tracks; the default app if absent.',
    }),
  },
  { additionalProperties: false, title: 'LeaseBody' },
);

const renewSchema = {
  tags: ['Owners'],
  operationId: 'renewOwner',
  summary: 'Renew the lease of an owner: it is alive',
  description:
    'One request renews the lease for all calls of the owner, also before its first call. When the ' +
    'lease runs out, `owner.lapsed` is published; OWNER_GRACE later its calls are stopped. Time in ' +
    'which no replica served, or Redis was out, does not count.',
  params,
  body: LeaseBody,
  response: {
    200: Type.Unsafe({ ...OwnerRef, description: 'The lease was renewed.' }),
    202: Type.Unsafe({ ...OwnerRef, description: 'Redis is out: this replica stores it later.' }),
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
    200: Type.Unsafe({ ...OwnerRef, description: 'The owner as it stands.' }),
    ...problemAnswers(['invalid-request', 'owner-not-found', 'store-unavailable']),
  },
};

const DEFAULT_LIMIT = 100;

const listSchema = {
  tags: ['Owners'],
  operationId: 'listOwners',
  summary: 'The owners, page by page',
  description:
    'In the order of their names. Without `state`, those that have a lease or calls. Each page ' +
    'reads all owners.',
  querystring: Type.Object(
    {
      app: Type.Optional(AppName),
      state: Type.Optional(OwnerState),
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: MOST_CALLS,
          default: DEFAULT_LIMIT,
          description: 'Most owners of the page.',
        }),
      ),
      cursor: Type.Optional(
        Type.String({ maxLength: 1_024, description: 'The `next` of the page before.' }),
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

/** One schema for both: generators take one type for the answers of an operation. */
const dropAnswer = (description: string) => ({
  description,
  content: { 'application/json': { schema: DropOwnerAnswer } },
});

const dropSchema = {
  tags: ['Owners'],
  operationId: 'dropOwner',
  summary: 'Stop all calls of an owner and drop its lease',
  description: 'May be repeated: an owner that nobody knows has no calls to stop.',
  params,
  querystring: ofApp,
  response: {
    200: dropAnswer('Its calls are not tracked any more.'),
    202: dropAnswer('Redis is out: this replica has stopped, and stores it later.'),
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
      const { leaseSeconds = DEFAULT_LEASE_SECONDS, app: appName } = request.body;
      const { owner: name } = request.params;
      const theirs = owners.within(request.principal.reach);
      const result = await theirs.renew(name, appName, leaseSeconds * 1_000);
      if (result.kind === 'too-many') {
        throw new Problem(problemBody('too-many-owners', result.message));
      }
      if (result.kind !== 'renewed') throw refusal(request, result, { pointer: '/app' });
      // Renewals come all the time; a first one says who is here.
      if (result.isNew) audit(request, { action: 'own', owner: name, outcome: 'renewed' });
      return reply.code(result.durable ? 200 : 202).send(presentOwner(result.owner));
    },
  });

  app.get('/owners/:owner', { schema: findSchema }, async ({ params, query, principal }) => {
    const found = await owners.within(principal.reach).find(params.owner, query.app);
    if (found === null) {
      const detail = `${params.owner} has no lease and no calls, nor was it lost lately`;
      throw new Problem(problemBody('owner-not-found', detail));
    }
    return presentOwner(found);
  });

  app.get('/owners', { schema: listSchema }, async ({ query, principal }) => {
    const { limit = DEFAULT_LIMIT } = query;
    const page = await owners.within(principal.reach).list({ ...query, limit });
    return { owners: page.owners.map(presentOwner), next: page.next };
  });

  app.delete('/owners/:owner', { schema: dropSchema }, async (request, reply) => {
    const { owner: name } = request.params;
    const result = await owners.within(request.principal.reach).drop(name, request.query.app);
    if (result.kind !== 'dropped') throw refusal(request, result, { parameter: 'app' });
    const { stopped, durable } = result;
    audit(request, { action: 'drop-owner', owner: name, outcome: 'dropped', stopped });
    return durable ? { stopped } : reply.code(202).send({ stopped, durable });
  });

  done();
};

function refusal(
  request: FastifyRequest,
  result: { readonly kind: 'invalid' | 'forbidden'; readonly message: string },
  place: { readonly pointer: string } | { readonly parameter: string },
): Problem {
  if (result.kind === 'forbidden') return request.forbid(result.message);
  return new Problem(invalidBody([{ ...place, detail: result.message }]));
}
