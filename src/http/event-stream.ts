import type { ServerResponse } from 'node:http';
import type { EventBatch, EventReader, PublishedEvent } from '../calls/event.ts';
import type { EventResource, PresentEvent } from './event-resource.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

export interface EventStreamOptions {
  readonly present: PresentEvent;
  readonly wants: (event: PublishedEvent) => boolean;
  /** Whether the client may still read; checked before each event and with each heartbeat. */
  readonly isWelcome: () => boolean;
  readonly heartbeatMs: number;
  /** A client that reads nothing for this long is disconnected. */
  readonly stalledMs: number;
}

/** How long a client should wait before it connects again, in ms. */
const RETRY_MS = 2_000;

/**
 * Sends events as Server-Sent Events
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html), until the signal aborts or the
 * client disconnects. It reads no further events until the client has taken the last ones, so at
 * most one batch waits. Resolves with how the stream ended.
 */
export async function sendEvents(
  response: ServerResponse,
  reader: EventReader,
  options: EventStreamOptions,
  stop: AbortSignal,
): Promise<'ended' | 'stalled' | 'unwelcome'> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.once('error', () => gone.abort()); // it disconnected during a write
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
  // Of the last batch that was sent; the reader may be further.
  let { place } = reader;
  const heartbeat = setInterval(() => {
    if (!options.isWelcome()) return unwelcome.abort();
    // With the place, so that a client with a selective filter does not fall behind.
    if (!response.writableNeedDrain) response.write(`: heartbeat\n${placeFrame(place)}`);
  }, options.heartbeatMs);
  try {
    for (;;) {
      if (response.writableNeedDrain && !(await drained(response, options.stalledMs, signal))) {
        if (unwelcome.signal.aborted) return 'unwelcome';
        return signal.aborted ? 'ended' : 'stalled';
      }
      const batch = await reader.next(signal);
      if (unwelcome.signal.aborted || !options.isWelcome()) return 'unwelcome';
      if (batch === null) return 'ended';
      const text = frames(batch, options);
      if (text !== '') response.write(text);
      place = batch.place;
    }
  } finally {
    clearInterval(heartbeat);
    // `end` would wait until the client has taken everything.
    if (response.writableNeedDrain) response.destroy();
    else response.end();
  }
}

function frames({ gap, events }: EventBatch, { wants, present }: EventStreamOptions): string {
  const missed = gap === null ? '' : `event: gap\ndata: ${JSON.stringify(gap)}\n\n`;
  const wanted = events.filter(({ event }) => wants(event));
  return missed + wanted.map(({ place, event }) => eventFrame(place, present(event))).join('');
}

function eventFrame(place: string, resource: EventResource): string {
  return `id: ${place}\nevent: ${resource.type}\ndata: ${JSON.stringify(resource)}\n\n`;
}

/** Without data, clients see no event, but remember the id and resume there. */
function placeFrame(place: string): string {
  return `id: ${place}\n\n`;
}

/** Resolves with false if that takes too long or the signal aborts. */
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
