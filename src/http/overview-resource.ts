import Type, { type Static } from 'typebox';
import type { Call } from '../calls/call.ts';
import { SCOPES, type Scope } from '../calls/principal.ts';
import type { Wheel } from '../calls/wheel.ts';
import type { Overview } from '../overview/overview.ts';
import { MARGIN_STEPS } from '../overview/tally.ts';
import { troublesOf } from '../overview/troubles.ts';
import { CallRef, type PresentCall } from './call-resource.ts';
import {
  HistorySchema,
  IncidentSchema,
  presentHistory,
  presentIncident,
} from './history-resource.ts';
import { formatInstant, Instant } from './instant.ts';
import { CauseSchema, presentCause, presentTrouble, TroubleSchema } from './trouble-resource.ts';

const Count = (description: string) => Type.Integer({ minimum: 0, description });
const Ms = (description: string) => Type.Integer({ description: `${description} In ms.` });

/** More groups than a person reads; the calls of the others are still counted. */
const MOST_CAUSES = 50;

export const OverviewSchema = Type.Object(
  {
    at: Instant('When the replica answered, by its clock.'),
    countedAt: Instant('When the calls were counted, a second or so before.'),
    version: Type.String({ description: 'Of the replica that answers.' }),
    intervalMs: Ms('Between two keepAlives of a call.'),
    deadlineMs: Ms('Graph ends a call after this time without a success.'),
    tracked: Count('Calls on the schedule.'),
    failing: Count('Tracked calls with a failure since their last success.'),
    atRisk: Count('Tracked calls with less than a third of the deadline left.'),
    minMarginMs: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'Time left for the call nearest to its deadline, in ms; null: no call.',
    }),
    margins: Type.Array(Type.Integer(), {
      minItems: MARGIN_STEPS,
      maxItems: MARGIN_STEPS,
      description:
        'How many calls have how much time left: the deadline is cut into equal parts, and each ' +
        'number counts the calls in one part, the least time left first. Calls past their deadline ' +
        'count in the first part.',
    }),
    nearest: Type.Array(CallRef, {
      description: 'The calls nearest to their deadlines, in order.',
    }),
    nearestFailing: Type.Array(CallRef, {
      description: 'The failing calls nearest to their deadlines, in order.',
    }),
    slots: Type.Object(
      {
        tracked: Type.Array(Type.Integer()),
        failing: Type.Array(Type.Integer()),
      },
      {
        title: 'OverviewSlots',
        description:
          'One number per slot of the wheel. Intervals are counted from 1970; slot `i` of `n` has ' +
          'its turn when `i / n` of each interval has passed.',
      },
    ),
    troubles: Type.Array(TroubleSchema, {
      description:
        'What is wrong, and what was lost within the last 24 hours, the worst first; empty if all is well.',
    }),
    causes: Type.Array(CauseSchema, {
      maxItems: MOST_CAUSES,
      description:
        'Why calls fail: one entry per app, tenant, status and code; the one with the most calls first.',
    }),
    history: HistorySchema,
    incidents: Type.Array(IncidentSchema, {
      description: 'What happened within the last 24 hours, the latest first.',
    }),
    scopes: Type.Array(Type.Enum([...SCOPES], { type: 'string', title: 'Scope' }), {
      description: 'What the key may do.',
    }),
    unready: Type.Array(Type.String(), {
      description: 'Why the replica that answers is not ready; empty if it is.',
    }),
    redis: Type.Object(
      {
        up: Type.Boolean({ description: 'False: this replica works from memory.' }),
        cause: Type.Unsafe<string | null>({
          type: ['string', 'null'],
          description: 'Why it is not up; null if it is, or if the cause is unknown.',
        }),
        fix: Type.Unsafe<string | null>({
          type: ['string', 'null'],
          description: 'What to do about it; null if it is up, or if the cause is unknown.',
        }),
      },
      { title: 'OverviewRedis' },
    ),
    replicas: Type.Array(
      Type.Object(
        {
          replica: Type.String(),
          version: Type.String({ description: 'Empty if it is unknown.' }),
          keepAlives: Count('Requests that it sent to Graph within the last interval.'),
        },
        { title: 'OverviewReplica' },
      ),
      {
        description:
          'The live replicas, first the one that answers; while Redis is out only that one.',
      },
    ),
  },
  { title: 'Overview', description: 'The state of all calls that the key may see.' },
);

export type OverviewResource = Static<typeof OverviewSchema>;

export interface OverviewContext {
  readonly version: string;
  readonly wheel: Wheel;
  readonly deadlineMs: number;
  readonly present: PresentCall;
  /** See `Call.durable`. */
  readonly isDurable: (id: string) => boolean;
  /** Why this replica is not ready; empty if it is. */
  readonly ready: () => string[];
  readonly scopes: ReadonlySet<Scope>;
}

export function presentOverview(overview: Overview, context: OverviewContext): OverviewResource {
  const { version, wheel, deadlineMs, present, isDurable, ready } = context;
  const resourceOf = (call: Call) => present(call, isDurable(call.id));
  const { now, countedAt, tally, redis, replicas, causes, successes, incidents } = overview;
  const unready = ready();
  const known = {
    now,
    intervalMs: wheel.intervalMs,
    deadlineMs,
    tally,
    redis,
    unready,
    causes,
    successes,
    incidents,
    replicas,
  };
  const { nearestDeadlineAt: first } = tally;
  return {
    at: formatInstant(now),
    countedAt: formatInstant(countedAt),
    version,
    intervalMs: wheel.intervalMs,
    deadlineMs,
    tracked: tally.tracked,
    failing: causes.reduce((sum, { calls }) => sum + calls, 0),
    atRisk: tally.atRisk,
    minMarginMs: first === null ? null : first - now,
    margins: [...tally.margins],
    nearest: overview.nearest.map(resourceOf),
    nearestFailing: overview.nearestFailing.map(resourceOf),
    slots: {
      tracked: tally.slots.map(({ tracked }) => tracked),
      failing: tally.slots.map(({ failing }) => failing),
    },
    troubles: troublesOf(known).map(presentTrouble),
    causes: causes.slice(0, MOST_CAUSES).map(presentCause),
    history: presentHistory(overview.columns, deadlineMs),
    incidents: incidents.map(presentIncident),
    scopes: SCOPES.filter((scope) => context.scopes.has(scope)),
    unready,
    redis: { up: redis.up, cause: redis.cause, fix: redis.fix },
    replicas: replicas.map(({ replica, version, keepAlives }) => ({
      replica,
      version,
      keepAlives,
    })),
  };
}
