import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { CallsFor } from '../../calls/calls.ts';
import type { VisibleApps } from '../../calls/principal.ts';
import { BODY_PROBLEMS, problemAnswers } from '../answers.ts';
import { audit } from '../audit.ts';
import { readNotification } from '../graph-notifications.ts';
import { MOST_NOTIFICATIONS } from '../limits.ts';
import { invalidBody, Problem, problemBody } from '../problems.ts';
import { AppName } from '../track-request.ts';

interface Admitted {
  readonly kind: 'admitted';
  /** Tracks the calls; undefined: the default app. */
  readonly app: string | undefined;
  /** The apps whose calls may change. */
  readonly visibleApps: VisibleApps;
}

/**
 * Checks that notifications are from Graph.
 *
 * @param authorization the header that Graph sent, forwarded by the bot
 * @param named the app that the request names
 */
export type AdmitNotifications = (
  authorization: string | undefined,
  named: string | undefined,
) => Promise<Admitted | { readonly kind: 'refused' | 'unverifiable'; readonly message: string }>;

export interface NotificationRoutesOptions {
  readonly calls: CallsFor<'notify'>;
  /** null: every client that may use the API is trusted. */
  readonly admit: AdmitNotifications | null;
  readonly maxBodyBytes: number;
}

const Count = (description: string) => Type.Integer({ minimum: 0, description });

/** The bot forwards Graph's `Authorization` in this header, because its own is for the API key. */
const FORWARDED = 'x-forwarded-authorization';

const schema = {
  tags: ['Tracking'],
  operationId: 'notify',
  summary: "Graph's notifications, as the bot received them",
  description:
    "For a bot that passes on Graph's `commsNotifications` instead of tracking and stopping calls " +
    'itself. `established` tracks the call, for the default app or the one that `app` names, in ' +
    'the tenant that the notification names. A tracked call stays as it is, except that it gets ' +
    'this tenant if nobody has named one before; a call that has ended or was stopped stays so. ' +
    '`terminated` and `deleted` stop the call, and its `resultInfo` is kept; they are ignored if ' +
    'they name a tenant other than the one that was named for the call, or if `app`, or ' +
    "Graph's token, is for another app. Everything else is ignored. Notifications may be " +
    'repeated, and come in any order. With `NOTIFICATIONS_JWT=required`, also pass on ' +
    "Graph's `Authorization` header.",
  headers: Type.Object({
    [FORWARDED]: Type.Optional(
      Type.String({
        description: "The `Authorization` that Graph sent; without it, this request's own counts.",
      }),
    ),
  }),
  querystring: Type.Object({ app: Type.Optional(AppName) }, { additionalProperties: false }),
  body: Type.Object(
    {
      value: Type.Array(Type.Unknown(), {
        maxItems: MOST_NOTIFICATIONS,
        description: 'Objects of type `#microsoft.graph.commsNotification`.',
      }),
    },
    {
      additionalProperties: true,
      title: 'CommsNotifications',
      description: 'The body as Graph sent it; further members are ignored.',
      examples: [
        {
          '@odata.type': '#microsoft.graph.commsNotifications',
          value: [
            {
              '@odata.type': '#microsoft.graph.commsNotification',
              changeType: 'updated',
              resourceUrl: '/communications/calls/2e1a0b00-2db4-4022-9570-243709c565ab',
              resourceData: {
                '@odata.type': '#microsoft.graph.call',
                state: 'established',
                tenantId: '7f5b1f62-4a02-4f2e-9a2b-6c7d9c0a1b11',
              },
            },
          ],
        },
      ],
    },
  ),
  response: {
    202: Type.Object(
      {
        tracked: Count('Calls that are tracked from now on.'),
        updated: Count('Calls whose tenant is now the one that Graph names.'),
        stopped: Count('Calls that were tracked and are not any more.'),
        ignored: Count(
          'Notifications that changed nothing: already known, not about a call itself, or from a ' +
            "tenant or app other than the call's.",
        ),
      },
      {
        title: 'NotifyAnswer',
        description: 'Accepted; while Redis is out, by this replica alone.',
      },
    ),
    ...problemAnswers([
      'invalid-request',
      ...BODY_PROBLEMS,
      'graph-token-refused',
      'graph-keys-unavailable',
      'store-unavailable',
    ]),
  },
};

export const notificationRoutes: FastifyPluginCallbackTypebox<NotificationRoutesOptions> = (
  app,
  { calls, admit, maxBodyBytes },
  done,
) => {
  app.post('/notifications', { schema, bodyLimit: maxBodyBytes }, async (request, reply) => {
    const { body, query, headers } = request;
    const given = headers[FORWARDED] ?? headers.authorization;
    const admission = (await admit?.(given, query.app)) ?? asNamed(query.app);
    if (admission.kind !== 'admitted') throw refusal(admission, request);
    const items: readonly unknown[] = body.value;
    const notices = items.map(readNotification).filter((notice) => notice !== null);
    const theirs = calls.within(request.principal.visibleApps);
    const { app: named, visibleApps } = admission;
    const result = await theirs.notify(notices, { total: items.length, app: named, visibleApps });
    if (result.kind === 'forbidden') throw request.forbid(result.message);
    if (result.kind === 'invalid') {
      throw new Problem(invalidBody([{ parameter: result.field, detail: result.message }]));
    }
    const { tracked, updated, stopped } = result;
    const changed = tracked + updated + stopped;
    if (changed > 0) {
      audit(request, { action: 'notify', outcome: result.kind, tracked, updated, stopped });
    }
    reply.code(202);
    return { tracked, updated, stopped, ignored: items.length - changed };
  });
  done();
};

/** Trusts every client that may ask. If it names an app, only that app's calls may change. */
function asNamed(app: string | undefined): Admitted {
  return { kind: 'admitted', app, visibleApps: app === undefined ? null : new Set([app]) };
}

/** Logs why a token was refused; the sender does not learn it. */
function refusal(
  { kind, message }: { readonly kind: 'refused' | 'unverifiable'; readonly message: string },
  { log, id: reqId }: Pick<FastifyRequest, 'log' | 'id'>,
): Problem {
  log.warn({ reqId, reason: message }, 'notifications refused');
  if (kind === 'refused') {
    const detail = `pass on the Authorization header of Graph's request as ${FORWARDED}`;
    const challenge = 'Bearer realm="callkeeper", error="invalid_token"';
    return new Problem(problemBody('graph-token-refused', detail), {
      'www-authenticate': challenge,
    });
  }
  const detail = 'its signing keys cannot be fetched; try again in a few seconds';
  return new Problem(problemBody('graph-keys-unavailable', detail), { 'retry-after': '5' });
}
