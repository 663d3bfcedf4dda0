import Type, { type Static } from 'typebox';
import type { PublishedEvent } from '../calls/event.ts';
import type { OwnerRecord } from '../calls/owner.ts';
import { CallRef, type PresentCall } from './call-resource.ts';
import { formatInstant } from './instant.ts';
import { OwnerRef, type OwnerResource } from './owner-resource.ts';

export const EventSchema = Type.Object(
  {
    id: Type.String({
      description:
        "The event's name: the call or owner, its generation and what happened. A repeat has the same id, even " +
        'after Redis lost its data. Compare it, do not parse it.',
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
        'owner.lapsed',
        'owner.renewed',
      ],
      { type: 'string', title: 'EventType' },
    ),
    timestamp: Type.String({
      format: 'date-time',
      description: 'When it was first published. RFC 3339, UTC, ms.',
    }),
    call: Type.Optional(CallRef),
    owner: Type.Optional(OwnerRef),
  },
  {
    $id: 'Event',
    title: 'Event',
    description:
      'An event about a call or an owner, with the `call` or the `owner` as it was then.',
  },
);

export type EventResource = Static<typeof EventSchema>;

export type PresentEvent = (event: PublishedEvent) => EventResource;

export type PresentOwnerRecord = (record: OwnerRecord) => OwnerResource;

/** Presents each event once, and sends all streams the same result. */
export function eventPresenter(present: PresentCall, owner: PresentOwnerRecord): PresentEvent {
  const presented = new WeakMap<PublishedEvent, EventResource>();
  return (event) => {
    const known = presented.get(event);
    if (known) return known;
    const { id } = event;
    const timestamp = formatInstant(event.at);
    const resource: EventResource =
      'owner' in event
        ? { id, type: event.type, timestamp, owner: owner(event.owner) }
        : { id, type: `call.${event.type}`, timestamp, call: present(event.call, true) };
    presented.set(event, resource);
    return resource;
  };
}
