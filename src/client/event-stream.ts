import { isObject } from './answers.ts';
import type { Call, Event, Owner, StreamEventsQuery } from './api.ts';
import type { RequestOptions } from './attempt.ts';
import { endable } from './endable.ts';
import { type Frame, readData, readFrames } from './event-frames.js';
import { withQuery } from './paths.ts';
import { pause } from './pause.ts';
import type { Transport } from './transport.ts';

type EventOf<Kind extends 'call' | 'owner'> = Omit<Event, 'type' | 'call' | 'owner'> & {
  readonly type: Extract<Event['type'], `${Kind}.${string}`>;
};

/** What happened to a call, with the call as it was then. */
export interface CallEvent extends EventOf<'call'> {
  readonly call: Call;
  readonly owner?: undefined;
}

/** What happened to an owner, with the owner as it was then. */
export interface OwnerEvent extends EventOf<'owner'> {
  readonly owner: Owner;
  readonly call?: undefined;
}

/**
 * An item of the event stream. A `gap` means that events between `after` and `firstKept` may be
 * missing, because Callkeeper no longer keeps them, or that the client could not read the event at
 * `firstKept`; `list` shows how the calls are.
 */
export type EventItem =
  | { readonly kind: 'event'; readonly place: string; readonly event: CallEvent | OwnerEvent }
  | { readonly kind: 'gap'; readonly gap: Gap };

interface Gap {
  readonly after: string;
  readonly firstKept: string | null;
}

/** The client opens a new stream after this much silence; heartbeats come every 15 s. */
const SILENCE_MS = 60_000;
/** Average pause before the client opens an ended stream again. */
const REOPEN_MS = 500;
const ENDED_STREAM = { done: true, value: undefined } as const;

/** The items of the stream; opens it again whenever it ends. */
export function streamEvents(
  transport: Transport,
  query: StreamEventsQuery,
  options?: RequestOptions,
): AsyncGenerator<EventItem, void, undefined> {
  const make = (signal: AbortSignal) => follow(transport, query, { ...options, signal });
  return endable(make, options?.signal);
}

async function* follow(
  transport: Transport,
  { lastEventId, ...filter }: StreamEventsQuery,
  options: RequestOptions & { readonly signal: AbortSignal },
): AsyncGenerator<EventItem, void, undefined> {
  const { signal } = options;
  for (let place = lastEventId; ; ) {
    const path = withQuery('events', { ...filter, lastEventId: place });
    const headers = { accept: 'text/event-stream, application/problem+json' };
    const request = { method: 'GET', path, headers, answers: () => false } as const;
    const stream = await transport.open(request, options);
    const frames = readFrames(stream, SILENCE_MS);
    try {
      for (;;) {
        // Catches only errors of the stream, not those of the code that reads the items.
        const { done, value } = await frames.next().catch(() => ENDED_STREAM);
        if (done || !value) break;
        const item = toItem(value, place);
        if (value.id) place = value.id;
        if (item) yield item;
      }
    } finally {
      await frames.return();
    }
    signal.throwIfAborted();
    await pause(REOPEN_MS * (0.5 + Math.random()), { signal });
    signal.throwIfAborted();
  }
}

/** null if the frame has only a place. A frame that cannot be read becomes a gap. */
function toItem(frame: Frame, before = ''): EventItem | null {
  if (frame.data === '') return null;
  const read = readData(frame);
  if (!isObject(read)) {
    return { kind: 'gap', gap: { after: before, firstKept: frame.id ?? null } };
  }
  if (frame.event === 'gap') return { kind: 'gap', gap: read as unknown as Gap };
  const event = read as unknown as CallEvent | OwnerEvent;
  return { kind: 'event', place: frame.id || before, event };
}
