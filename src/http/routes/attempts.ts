import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import type { CallsFor } from '../../calls/calls.ts';
import type { RecentAttempt } from '../../overview/recent-attempts.ts';
import { problemAnswers } from '../answers.ts';
import { formatInstant } from '../instant.ts';
import { callNotFound } from '../problems.ts';
import { CallId, canonicalId } from '../track-request.ts';

export interface AttemptRoutesOptions {
  readonly calls: CallsFor<'find'>;
  readonly replica: string;
  readonly diary: { attemptsOf(id: string): readonly RecentAttempt[] };
}

const orNull = (type: 'integer' | 'string', description: string) => ({
  type: [type, 'null'],
  description,
});

const Attempt = Type.Object(
  {
    at: Type.String({
      format: 'date-time',
      description: 'When its outcome was known. RFC 3339, UTC, ms.',
    }),
    outcome: Type.Enum(['renewed', 'ended', 'throttled', 'refused', 'failed'], {
      type: 'string',
      title: 'AttemptOutcome',
    }),
    status: Type.Unsafe<number | null>(
      orNull('integer', 'HTTP status; null for a success, and if no answer came.'),
    ),
    code: Type.Unsafe<string | null>(orNull('string', 'As in `lastError` of a call.')),
    durationMs: Type.Unsafe<number | null>(
      orNull('integer', 'From its sending to its outcome, in ms; null if nothing was sent.'),
    ),
  },
  { title: 'Attempt' },
);

const schema = {
  tags: ['Calls'],
  operationId: 'listAttempts',
  summary: 'The last keepAlives of a call that the answering replica sent',
  description:
    'Up to 10, the latest first, from memory. Other replicas may have sent others; a replica forgets its own when it stops.',
  params: Type.Object({ id: CallId }),
  response: {
    200: Type.Object(
      {
        replica: Type.String({ description: 'The replica that answers.' }),
        attempts: Type.Array(Attempt),
      },
      { title: 'Attempts', description: 'What this replica knows.' },
    ),
    ...problemAnswers(['invalid-request', 'call-not-found', 'store-unavailable']),
  },
};

export const attemptRoutes: FastifyPluginCallbackTypebox<AttemptRoutesOptions> = (
  app,
  { calls, replica, diary },
  done,
) => {
  app.get('/calls/:id/attempts', { schema }, async ({ params, principal }) => {
    const id = canonicalId(params.id);
    const call = await calls.within(principal.visibleApps).find(id);
    if (call === null) throw callNotFound(id);
    const attempts = diary.attemptsOf(id).map((one) => ({ ...one, at: formatInstant(one.at) }));
    return { replica, attempts };
  });

  done();
};
