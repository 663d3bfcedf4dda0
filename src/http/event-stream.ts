import type { ServerResponse } from 'node:http';
import type { EventPiece, EventReader, PublishedEvent } from '../calls/event.ts';
import type { EventResource, PresentEvent } from './event-resource.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

export interface EventStreamOptions {
  readonly present: PresentEvent;
  readonly wants: (event: PublishedEvent) => boolean;
  /** Whether whoever is told may still be; asked before each event and with each heartbeat. */
  readonly isWelcome: () => boolean;
  readonly heartbeatMs: number;
  /** A client that takes nothing for so long is cut off. */
  readonly stalledMs: number;
}

/** How long a client waits before it connects again, in ms; it is told so. */
const RETRY_MS = 2_000;

/**
 * Sends events as they come, in the format of Server-Sent Events
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html), until the
 * signal aborts or the client is gone. Nothing is read for a client that has not
 * taken what it was sent: one piece of events is all that waits for it. Resolves
 * with how it ended: the client took nothing for too long, or is not welcome any more.
 */
export async function sendEvents(
  response: ServerResponse,
  reader: EventReader,
  options: EventStreamOptions,
  stop: AbortSignal,
): Promise<'ended' | 'stalled' | 'unwelcome'> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.once('error', () => gone.abort()); // it went while it was written to
  const unwelcome = new AbortController();
  const signal = AbortSignal.any([stop, gone.signal, unwelcome.signal]);
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no', // nginx would hold events back
    connection: 'close',
    ...SECURITY_HEADERS,
  });
  response.write(`retry: ${RETRY_MS}\n${placeFrame(reader.place)}`);
  // What the client has been sent; the reader may be ahead of it.
  let { place } = reader;
  const heartbeat = setInterval(() => {
    if (!options.isWelcome()) return unwelcome.abort();
    // With the place: a client that is sent few events does not fall behind for it.
    if (!response.writableNeedDrain) response.write(`: heartbeat\n${placeFrame(place)}`);
  }, options.heartbeatMs);
  try {
    for (;;) {
      if (response.writableNeedDrain && !(await drained(response, options.stalledMs, signal))) {
        if (unwelcome.signal.aborted) return 'unwelcome';
        return signal.aborted ? 'ended' : 'stalled';
      }
      const piece = await reader.next(signal);
      if (unwelcome.signal.aborted || !options.isWelcome()) return 'unwelcome';
      if (piece === null) return 'ended';
      const text = frames(piece, options);
      if (text !== '') response.write(text);
      place = piece.place;
    }
  } finally {
    clearInterval(heartbeat);
    // What has not been taken by now would be waited for.
    if (response.writableNeedDrain) response.destroy();
    else response.end();
  }
}

function frames({ gap, events }: EventPiece, { wants, present }: EventStreamOptions): string {
  const missed = gap === null ? '' : `event: gap\ndata: ${JSON.stringify(gap)}\n\n`;
  const wanted = events.filter(({ event }) => wants(event));
  return missed + wanted.map(({ place, event }) => eventFrame(place, present(event))).join('');
}

function eventFrame(place: string, resource: EventResource): string {
  return `id: ${place}\nevent: ${resource.type}\ndata: ${JSON.stringify(resource)}\n\n`;
}

/** With no data it is no event to a client, but from here on it resumes. */
function placeFrame(place: string): string {
  return `id: ${place}\n\n`;
}

/** False where that takes too long, or the signal aborts before. */
function drained(response: ServerResponse, withinMs: number, signal: AbortSignal) {
  return new Promise<boolean>((resolve) => {
    const done = (inTime: boolean) => () => {
      clearTimeout(timer);
      response.removeListener('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      resolve(inTime);
    };
    const [onDrain, onAbort] = [done(true), done(false)];
    const timer = setTimeout(onAbort, withinMs);
    response.once('drain', onDrain);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}
