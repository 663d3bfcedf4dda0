import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import type { VisibleApps } from '../../calls/principal.ts';
import type { Owners } from '../../owners/owners.ts';
import { audit } from '../audit.ts';
import { defaultToEmptyBody } from '../bodies.ts';
import { ownerCursor, parseOwnerCursor } from '../cursors.ts';
import { presentOwner } from '../owner-resource.ts';
import { invalidBody, Problem, problemBody } from '../problems.ts';
import {
  DEFAULT_LEASE_SECONDS,
  DEFAULT_LIMIT,
  dropSchema,
  findSchema,
  listSchema,
  renewSchema,
} from './owner-schemas.ts';

export interface OwnerRoutesOptions {
  readonly owners: {
    within(visibleApps: VisibleApps): Pick<Owners, 'renew' | 'find' | 'list' | 'drop'>;
  };
}

export const ownerRoutes: FastifyPluginCallbackTypebox<OwnerRoutesOptions> = (
  app,
  { owners },
  done,
) => {
  app.route({
    method: 'PUT',
    url: '/owners/:owner',
    schema: renewSchema,
    preValidation: defaultToEmptyBody,
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
    const { app: appName, state, limit = DEFAULT_LIMIT, cursor } = query;
    const after = cursor === undefined ? undefined : parseOwnerCursor(cursor);
    const theirs = owners.within(principal.visibleApps);
    const page = await theirs.list({ app: appName, state, limit, after });
    return { owners: page.owners.map(presentOwner), next: page.next && ownerCursor(page.next) };
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
