import Type, { type Static } from 'typebox';
import type { CallEvent } from '../calls/event.ts';
import { CallRef, type PresentCall } from './call-resource.ts';
import { formatInstant } from './instant.ts';

export const EventSchema = Type.Object(
  {
    id: Type.String({
      description: 'The same each time the event is told: by it a repeat is recognised.',
      examples: ['1770091506789-0'],
    }),
    type: Type.Enum(
      [
        'call.tracked',
        'call.ended',
        'call.expired',
        'call.untracked',
        'call.at-risk',
        'call.recovered',
      ],
      { type: 'string' },
    ),
    timestamp: Type.String({
      format: 'date-time',
      description: 'When it was told first. RFC 3339, UTC, ms.',
    }),
    call: CallRef,
  },
  {
    $id: 'Event',
    title: 'Event',
    description: 'What happened to a call, and the call as it stood.',
  },
);

/** An event as the API tells of it. */
export type EventResource = Static<typeof EventSchema>;

export type PresentEvent = (event: CallEvent) => EventResource;

/** Makes events ready to be told; once for all that are told of the same. */
export function eventPresenter(present: PresentCall): PresentEvent {
  const presented = new WeakMap<CallEvent, EventResource>();
  return (event) => {
    const known = presented.get(event);
    if (known) return known;
    const { id, type, at, call } = event;
    const resource: EventResource = {
      id,
      type: `call.${type}`,
      timestamp: formatInstant(at),
      call: present(call, true),
    };
    presented.set(event, resource);
    return resource;
  };
}
