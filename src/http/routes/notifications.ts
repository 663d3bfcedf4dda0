import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import type { Calls } from '../../calls/calls.ts';
import { BODY_PROBLEMS, problemAnswers } from '../answers.ts';
import { readNotification } from '../graph-notifications.ts';
import { MOST_NOTIFICATIONS } from '../limits.ts';

export interface NotificationRoutesOptions {
  readonly calls: Pick<Calls, 'notify'>;
  readonly maxBodyBytes: number;
}

const Count = (description: string) => Type.Integer({ minimum: 0, description });

const schema = {
  tags: ['Tracking'],
  operationId: 'notify',
  summary: "Graph's notifications, as the bot received them",
  description:
    "For a bot that would rather pass on Graph's `commsNotifications` than track and stop by " +
    'itself. `established` tracks the call, with the tenant that the notification names; a call ' +
    'that is tracked already stays as it is, and one that has left stays so. `terminated` and ' +
    '`deleted` stop it, and its `resultInfo` is kept. What is not of a call itself is ignored. ' +
    'May be repeated, and come in any order.',
  body: Type.Object(
    {
      value: Type.Array(Type.Unknown(), {
        maxItems: MOST_NOTIFICATIONS,
        description: 'Of `#microsoft.graph.commsNotification`.',
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
        stopped: Count('Calls that were tracked and are not any more.'),
        ignored: Count('What changed nothing: known already, or not of a call itself.'),
      },
      { description: 'Taken. While Redis is out, by this replica alone.' },
    ),
    ...problemAnswers(['invalid-request', ...BODY_PROBLEMS, 'store-unavailable']),
  },
};

export const notificationRoutes: FastifyPluginCallbackTypebox<NotificationRoutesOptions> = (
  app,
  { calls, maxBodyBytes },
  done,
) => {
  app.post('/notifications', { schema, bodyLimit: maxBodyBytes }, async ({ body }, reply) => {
    const items: readonly unknown[] = body.value;
    const notices = items.map(readNotification).filter((notice) => notice !== null);
    const { tracked, stopped } = await calls.notify(notices, items.length);
    reply.code(202);
    return { tracked, stopped, ignored: items.length - tracked - stopped };
  });
  done();
};
