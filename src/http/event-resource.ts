import Type, { type Static } from 'typebox';
import type { CallEvent } from '../calls/event.ts';
import { CallRef, type PresentCall } from './call-resource.ts';
import { formatInstant } from './instant.ts';

export const EventSchema = Type.Object(
  {
    id: Type.String({
      description:
        "The event's name: the call's id, its generation, and what happened, with slashes between. A " +
        'repeat has the same id, also after Redis lost its data. Compare it, do not parse it.',
      examples: ['2e1a0b00-2db4-4022-9570-243709c565ab/0ml5tx3lx1k3f/ended'],
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
