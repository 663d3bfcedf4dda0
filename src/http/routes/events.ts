import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import { type EventLog, PLACE_PATTERN, type PublishedEvent } from '../../calls/event.ts';
import { matches } from '../../calls/listing.ts';
import { ownerOf } from '../../calls/owner.ts';
import { isWithin } from '../../calls/principal.ts';
import { problemAnswers } from '../answers.ts';
import type { EventResource, PresentEvent } from '../event-resource.ts';
import { sendEvents } from '../event-stream.ts';
import type { Limits } from '../limits.ts';
import { Places } from '../places.ts';
import { Problem, problemBody } from '../problems.ts';
import { AppName, CallId, canonicalId, Labels } from '../track-request.ts';

export interface EventRoutesOptions {
  readonly events: EventLog;
  readonly present: PresentEvent;
  readonly limits: Pick<Limits, 'maxEventStreams' | 'eventHeartbeatMs' | 'eventStalledMs'>;
}

const PLACE = 'The `id` of the last event that was received; the stream resumes after it.';

const schema = {
  tags: ['Calls'],
  operationId: 'streamEvents',
  summary: 'What happens to calls and owners, as Server-Sent Events',
  description:
    'Each event is named `call.tracked`, `call.ended`, `call.expired`, `call.untracked`, ' +
    '`call.at-risk`, `call.recovered`, `owner.lapsed` or `owner.renewed`; its data is an `Event`. ' +
    'Each event comes at least once; a repeat has the same `id` in its data. About the last 10,000 ' +
    'events are kept. If a client resumes from an older one, it first gets `event: gap` with ' +
    '`{ "after": …, "firstKept": … }`: events in between may be missing, and `GET /calls` shows ' +
    'the calls as they are. Without an id, the stream starts with the next event. A stream with `call` ' +
    'or `label` has no events of owners. Heartbeats come between events, also while Redis is out.',
  querystring: Type.Object(
    {
      app: Type.Optional(AppName),
      call: Type.Optional(CallId),
      label: Type.Optional(Labels),
      lastEventId: Type.Optional(
        Type.String({
          pattern: PLACE_PATTERN,
          description: `${PLACE} The header takes precedence.`,
        }),
      ),
    },
    { additionalProperties: false },
  ),
  headers: Type.Object({
    'last-event-id': Type.Optional(
      Type.String({ pattern: `${PLACE_PATTERN}|^$`, description: PLACE }),
    ),
  }),
  response: {
    200: {
      description: 'The events, for as long as the connection stays.',
      content: {
        'text/event-stream': {
          schema: Type.String({
            contentMediaType: 'text/event-stream',
            // Describes the data of each event.
            contentSchema: Type.Unsafe<EventResource>({ $ref: 'Event#' }),
          }),
        },
      },
    },
    ...problemAnswers(['invalid-request', 'store-unavailable', 'too-many-streams']),
  },
};

const CUT_OFF = {
  stalled: 'event stream closed: the client reads no events',
  unwelcome: 'event stream closed: its key is no longer valid',
};

/** `Retry-After` if all streams are in use, in seconds. */
const RETRY_AFTER_S = '10';

export const eventRoutes: FastifyPluginCallbackTypebox<EventRoutesOptions> = (
  app,
  { events, present, limits },
  done,
) => {
  const stopping = new AbortController();
  const places = new Places(limits.maxEventStreams);
  app.addHook('preClose', (closed) => {
    stopping.abort();
    closed();
  });

  app.route({
    method: 'GET',
    url: '/events',
    exposeHeadRoute: false,
    schema,
    async handler({ query, headers, principal, log, id: reqId, client }, reply) {
      const { app: appName, call: callId, label: labels = [], lastEventId = null } = query;
      const id = callId === undefined ? null : canonicalId(callId);
      const reader = events.readAfter(headers['last-event-id'] || lastEventId);
      const leave = places.take(principal.name);
      if (typeof leave === 'string') throw tooMany(leave);
      reply.hijack();
      const options = {
        present,
        wants: (event: PublishedEvent) =>
          isWanted(event, { id, app: appName, visibleApps: principal.visibleApps, labels }),
        isWelcome: () => principal.stillHolds(),
        heartbeatMs: limits.eventHeartbeatMs,
        stalledMs: limits.eventStalledMs,
      };
      try {
        const how = await sendEvents(reply.raw, reader, options, stopping.signal);
        if (how !== 'ended') log.info({ reqId, client, principal: principal.name }, CUT_OFF[how]);
      } finally {
        leave();
      }
    },
  });

  done();
};

/** A stream that is limited to a call or to labels has no events of owners. */
function isWanted(
  event: PublishedEvent,
  { id, ...query }: Parameters<typeof matches>[1] & { readonly id: string | null },
): boolean {
  if ('call' in event) return (id === null || event.call.id === id) && matches(event.call, query);
  const { app } = ownerOf(event.owner.id);
  if (id !== null || query.labels.length > 0) return false;
  return isWithin(query.visibleApps, app) && (query.app === undefined || query.app === app);
}

function tooMany(why: string): Problem {
  const detail = `of the event streams of this replica, ${why}`;
  return new Problem(problemBody('too-many-streams', detail), { 'retry-after': RETRY_AFTER_S });
}
