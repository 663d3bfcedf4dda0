import Type, { type Static } from 'typebox';
import type { FailureCause } from '../overview/causes.ts';
import { fixOf } from '../overview/fixes.ts';
import { SEVERITIES, TROUBLE_KINDS, type Trouble } from '../overview/trouble.ts';
import { formatInstant, formatInstantOrNull, Instant, InstantOrNull } from './instant.ts';

export const TroubleSchema = Type.Object(
  {
    kind: Type.Enum([...TROUBLE_KINDS], {
      type: 'string',
      title: 'TroubleKind',
      description:
        'graph: Graph answers with errors. token: Entra issues none. network: no answer, or one that is not from ' +
        'Graph. callkeeper: a fault of its own. redis: Redis is out. lost: calls were lost. unknown: Graph did not ' +
        'know calls. replica: one went away. unready: the replica that answers is not ready.',
    }),
    severity: Type.Enum([...SEVERITIES], {
      type: 'string',
      title: 'Severity',
      description: 'critical: calls are being lost, or will be. notice: it is over.',
    }),
    sentence: Type.String({ description: 'What is wrong, with times as `13:55 UTC`.' }),
    since: InstantOrNull('Since when; null if that is not known.'),
    calls: Type.Integer({ minimum: 0, description: 'How many calls it affects.' }),
    firstLossAt: InstantOrNull(
      'When the first of these calls is lost unless the trouble ends before; null if none is in danger.',
    ),
    todo: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'What to do about it; null if there is nothing to do.',
    }),
    runbook: Type.String({ description: 'Its heading in docs/runbook.md, the name of an alert.' }),
  },
  { title: 'Trouble' },
);

export const CauseSchema = Type.Object(
  {
    app: Type.String(),
    tenantId: Type.String(),
    status: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'HTTP status of the answer; null if none came.',
    }),
    code: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'As in `lastError` of a call.',
    }),
    message: Type.String({ description: 'The message of the latest failure.' }),
    calls: Type.Integer({ minimum: 1, description: 'How many calls fail in this way.' }),
    since: Instant('When the first of these calls began to fail.'),
    firstLossAt: Instant('The nearest deadline of these calls.'),
    todo: Type.String({ description: 'What to do about it.' }),
  },
  { title: 'FailureCause' },
);

export function presentTrouble(trouble: Trouble): Static<typeof TroubleSchema> {
  return {
    ...trouble,
    since: formatInstantOrNull(trouble.since),
    firstLossAt: formatInstantOrNull(trouble.firstLossAt),
  };
}

export function presentCause(cause: FailureCause): Static<typeof CauseSchema> {
  const { app, tenantId, error, calls, since, firstLossAt } = cause;
  return {
    app,
    tenantId,
    status: error.status,
    code: error.code,
    message: error.message,
    calls,
    since: formatInstant(since),
    firstLossAt: formatInstant(firstLossAt),
    todo: fixOf(error),
  };
}
