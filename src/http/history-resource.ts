import Type, { type Static } from 'typebox';
import { STEPS } from '../overview/cells.ts';
import type { HistoryColumn } from '../overview/history.ts';
import { describeIncident } from '../overview/incident-words.ts';
import type { Incident } from '../overview/incidents.ts';
import { formatInstant, formatInstantOrNull, Instant } from './instant.ts';

const Count = (description: string) => Type.Integer({ minimum: 0, description });

export const HistorySchema = Type.Object(
  {
    stepMs: Type.Number({ description: 'How long a column lasts, in ms.' }),
    columns: Type.Array(
      Type.Object(
        {
          at: Instant('When it begins.'),
          renewed: Count('KeepAlives that succeeded.'),
          throttled: Count('Graph throttled it.'),
          refused: Count('403, or Entra does not know the tenant.'),
          failed: Count('Every other failure.'),
          ended: Count('Graph said that the call is over.'),
          lost: Count('Calls that were lost.'),
        },
        { title: 'HistoryColumn' },
      ),
      { maxItems: STEPS, description: 'The last deadline, the oldest first.' },
    ),
  },
  {
    title: 'History',
    description: 'KeepAlives by outcome, of all replicas; the last column is not complete yet.',
  },
);

export const IncidentSchema = Type.Object(
  {
    kind: Type.Enum(['lost', 'unknown', 'failing', 'redis', 'replica'], {
      type: 'string',
      title: 'IncidentKind',
      description:
        'lost: calls were lost. unknown: Graph did not know calls. failing: calls kept failing. ' +
        'redis: Redis was out. replica: one went away without being stopped.',
    }),
    from: Instant('When it began.'),
    until: Type.Unsafe<string | null>({
      ...Instant('When it ended; null if it still lasts.'),
      type: ['string', 'null'],
    }),
    text: Type.String({ description: 'What happened, without times.' }),
  },
  { title: 'Incident' },
);

export function presentHistory(columns: readonly HistoryColumn[], deadlineMs: number) {
  return {
    stepMs: deadlineMs / STEPS,
    columns: columns.map(({ at, sent: _, ...counts }) => ({ at: formatInstant(at), ...counts })),
  } satisfies Static<typeof HistorySchema>;
}

export function presentIncident(incident: Incident): Static<typeof IncidentSchema> {
  const { kind, from } = incident;
  const until = kind === 'replica' ? from : incident.until;
  return {
    kind,
    from: formatInstant(from),
    until: formatInstantOrNull(until),
    text: describeIncident(incident),
  };
}
