import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { Writable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import { Authenticator } from '../../src/access/authenticator.ts';
import { hashOf, type KeyHolder } from '../../src/access/key-ring.ts';
import type { Call, CallError, RemovedCall } from '../../src/calls/call.ts';
import type { AfterFirst, Calls, CallsFor } from '../../src/calls/calls.ts';
import type { EventBatch, EventLog, EventReader } from '../../src/calls/event.ts';
import type { Notice } from '../../src/calls/notice.ts';
import { countFates } from '../../src/calls/notified.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import type { VisibleApps } from '../../src/calls/principal.ts';
import type { TrackRequest } from '../../src/calls/track-request.ts';
import type { Tracked } from '../../src/calls/tracker.ts';
import { buildApp, type HttpOptions } from '../../src/http/app.ts';
import type { Overview } from '../../src/overview/overview.ts';

export const ID = '2e1a0b00-2db4-4022-9570-243709c565ab';
export const NOW = Date.UTC(2026, 1, 3, 4, 5, 6, 789);
export const MINUTE = 60_000;

export function aCall(over: Partial<Call> = {}): Call {
  return {
    id: ID,
    app: 'default',
    tenantId: '7f5b1f62-4a02-4f2e-9a2b-6c7d9c0a1b11',
    tenantIsDefault: true,
    labels: {},
    webhookUrl: null,
    owner: null,
    generation: 'r1',
    trackedAt: NOW,
    startedAt: null,
    trackUntil: null,
    renewedAt: null,
    failedAt: null,
    retryAt: null,
    consecutiveFailures: 0,
    atRiskAt: null,
    lastError: null,
    ...over,
  };
}

export function aRemovedCall(over: Partial<RemovedCall> = {}): RemovedCall {
  const end = { state: 'ended', removedAt: NOW + MINUTE, reason: null, resultInfo: null } as const;
  return { ...aCall(), ...end, ...over };
}

export const ERROR: CallError = {
  at: NOW,
  status: 503,
  code: 'serviceUnavailable',
  message: 'Service is unavailable.',
  requestId: 'request-1',
  clientRequestId: 'client-1',
  diagnostic: '{"ServerInfo":{}}',
  date: 'Tue, 03 Feb 2026 04:05:06 GMT',
};

type Ports = Pick<Calls, Exclude<keyof Calls, 'within'>>;

/** Calls in memory that record the requests; a test may replace any answer. */
export class FakeCalls implements Ports, CallsFor {
  readonly asked: unknown[][] = [];
  readonly known = new Map<string, Call | RemovedCall>();
  /** Whether changes are stored at once. */
  durable = true;
  /** The visible apps of each request. */
  readonly reaches: VisibleApps[] = [];
  readonly answers: { [M in keyof Ports]?: Ports[M] } = {};

  within(visibleApps: VisibleApps): this {
    this.reaches.push(visibleApps);
    return this;
  }

  track(requests: readonly TrackRequest[]): Promise<Tracked[]> {
    return this.#ask('track', [requests], async () => requests.map((r) => this.#register(r)));
  }

  untrack(id: string): Promise<{ durable: boolean; stopped: boolean }> {
    return this.#ask('untrack', [id], async () => {
      const stopped = this.known.delete(id);
      return { durable: this.durable, stopped };
    });
  }

  untrackAll(ids: readonly string[]): Promise<{ durable: boolean; stopped: boolean }[]> {
    return this.#ask('untrackAll', [ids], async () =>
      ids.map((id) => ({ durable: this.durable, stopped: this.known.delete(id) })),
    );
  }

  notify(notices: readonly Notice[], of: Parameters<Ports['notify']>[1]) {
    return this.#ask('notify', [notices, of], async () => ({
      kind: 'taken' as const,
      ...countFates(
        notices.map(({ kind }) => (kind === 'over' ? 'stopped' : 'tracked')),
        of.total,
      ),
    }));
  }

  isDurable(): boolean {
    return this.durable;
  }

  find(id: string) {
    return this.#ask('find', [id], async () => this.known.get(id) ?? null);
  }

  list(query: Parameters<Ports['list']>[0]) {
    return this.#ask('list', [query], async () => ({
      calls: [...this.known.values()],
      next: null,
    }));
  }

  afterFirst(call: Call): Promise<AfterFirst> {
    return this.#ask('afterFirst', [call.id], async () => {
      const after = { ...call, renewedAt: call.renewedAt ?? NOW };
      this.known.set(call.id, after);
      return { call: after, isPending: false };
    });
  }

  keepAliveNow(id: string) {
    return this.#ask('keepAliveNow', [id], async () => {
      const call = this.known.get(id);
      return call ? { outcome: { kind: 'renewed', sentAt: NOW } as const, call } : null;
    });
  }

  fail(method: keyof Ports, error: Error): void {
    Object.assign(this.answers, { [method]: () => Promise.reject(error) });
  }

  #ask<R>(method: keyof Ports, args: unknown[], answer: () => R): R {
    this.asked.push([method, ...args]);
    const other = this.answers[method] as ((...given: unknown[]) => R) | undefined;
    return other ? other(...args) : answer();
  }

  #register(request: TrackRequest): Tracked {
    if (request.app === 'nobody') {
      return { kind: 'invalid', field: 'app', message: 'no app of this name is configured' };
    }
    const { id, app, labels, startedAt = null, trackUntil = null } = request;
    const { webhookUrl = null, owner = null } = request;
    const named = { id, app: app ?? 'default', labels: labels ?? {}, startedAt, trackUntil };
    const call = aCall({
      ...named,
      webhookUrl,
      owner,
      tenantId: request.tenantId ?? aCall().tenantId,
    });
    const kind = this.known.has(id) ? 'updated' : 'created';
    this.known.set(id, call);
    return { kind, call, durable: this.durable };
  }
}

/** An event log in memory; each reader gets the test's events from then on. */
export class FakeEvents implements EventLog {
  /** The place of each `readAfter`. */
  readonly asked: (string | null)[] = [];
  now: string | null = '100-0';
  readonly #readers = new Set<FakeReader>();

  readAfter(place: string | null): EventReader {
    this.asked.push(place);
    const from = place ?? this.now;
    if (from === null) throw new StoreUnavailableError('never reached');
    const reader = new FakeReader(from);
    this.#readers.add(reader);
    return reader;
  }

  tell(piece: Partial<EventBatch> & { readonly place: string }): void {
    for (const reader of this.#readers) reader.push({ gap: null, events: [], ...piece });
  }
}

class FakeReader implements EventReader {
  place: string;
  #pieces: EventBatch[] = [];
  #wake = () => {};

  constructor(place: string) {
    this.place = place;
  }

  push(piece: EventBatch): void {
    this.#pieces.push(piece);
    this.#wake();
  }

  async next(signal: AbortSignal): Promise<EventBatch | null> {
    while (!signal.aborted) {
      const piece = this.#pieces.shift();
      if (piece) {
        this.place = piece.place;
        return piece;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    return null;
  }
}

const A_CAUSE = {
  app: 'default',
  tenantId: aCall().tenantId,
  error: ERROR,
  calls: 1,
  since: NOW - MINUTE,
  firstLossAt: NOW + 10 * MINUTE,
  afterSuccess: null,
};

/** Two calls, one of which fails, in a wheel of 256 slots. */
export function anOverview(over: Partial<Overview> = {}): Overview {
  const slots = Array.from({ length: 256 }, () => ({ tracked: 0, failing: 0 }));
  slots[3] = { tracked: 2, failing: 1 };
  return {
    now: NOW,
    countedAt: NOW - 1_000,
    tally: {
      tracked: 2,
      failing: 1,
      atRisk: 1,
      nearestDeadlineAt: NOW + 10 * MINUTE,
      margins: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      nearest: [ID],
      nearestFailing: [ID],
      apps: new Map([['default', 2]]),
      slots,
    },
    nearest: [aCall({ consecutiveFailures: 1, lastError: ERROR })],
    nearestFailing: [aCall({ consecutiveFailures: 1, lastError: ERROR })],
    redis: { up: true, cause: null, fix: null, since: null },
    replicas: [{ replica: 'here', version: '1.2.3', keepAlives: 7, startedAt: null }],
    causes: [A_CAUSE],
    successes: new Map(),
    incidents: [],
    columns: [],
    ...over,
  };
}

export interface Fixture {
  readonly app: FastifyInstance;
  readonly calls: FakeCalls;
  readonly events: FakeEvents;
  /** The lines of the log. */
  readonly logged: string[];
}

/** An app over {@link FakeCalls}; the test's end closes it. */
export async function anApp(
  over: Partial<HttpOptions> & { level?: string } = {},
): Promise<Fixture> {
  const calls = new FakeCalls();
  const events = new FakeEvents();
  const logged: string[] = [];
  const lines = new Writable({
    write(chunk, _encoding, done) {
      logged.push(String(chunk));
      done();
    },
  });
  const app = await buildApp({
    calls,
    events,
    owners: { within: () => expect.unreachable('no owner is asked for') },
    presentOwner: () => expect.unreachable('no event is about an owner'),
    overviews: { read: async () => anOverview() },
    replica: 'here',
    diary: { attemptsOf: () => [] },
    admitNotifications: null,
    wheel: { intervalMs: 15 * MINUTE, slots: 256 },
    deadlineMs: 45 * MINUTE,
    metrics: { contentType: 'text/plain; version=0.0.4', render: async () => 'up 1\n' },
    ready: () => [],
    identify: identifyBy({}),
    onDenied: () => {},
    loopbackOnly: false,
    tracing: null,
    onAnswered: () => {},
    onConnectionDropped: () => {},
    rateLimit: { max: 1_000_000, windowMs: MINUTE },
    log: pino({ level: over.level ?? 'debug' }, lines),
    version: '1.2.3',
    ...over,
  });
  onTestFinished(async () => {
    const closing = app.close();
    // `close` would wait four seconds for a connection that a client has opened and not used.
    app.server.closeAllConnections();
    await closing;
  });
  return { app, calls, events, logged };
}

/** A client of ACCESS_FILE with one key that may read and track. */
export const aClient = (key: string, over: Partial<KeyHolder> = {}): KeyHolder => ({
  name: 'bot',
  keys: [{ hash: hashOf(key), expiresAt: null }],
  scopes: ['read', 'track'],
  apps: null,
  rateLimit: null,
  ...over,
});

/** Accepts plain keys, or those of holders; without either, everybody. */
export function identifyBy({
  apiKeys = [],
  holders,
}: {
  apiKeys?: string[];
  holders?: KeyHolder[];
}) {
  const access = new Authenticator({
    apiKeys,
    holders: holders ?? null,
    entra: null,
    now: () => Date.now(),
  });
  return (authorization: string | undefined) => access.identify(authorization);
}

/** Sends bytes to the app over a socket; resolves with everything that comes until it closes. */
export async function converse(
  app: FastifyInstance,
  ...bytes: (string | Buffer)[]
): Promise<string> {
  if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' });
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  // The server may reset a connection after its answer.
  socket.on('error', () => {});
  for (const part of bytes) socket.write(part);
  await once(socket, 'close');
  return answer;
}

/** Splits the text of {@link converse} into status, headers (lower case) and body. */
export function parseAnswer(text: string) {
  const end = text.indexOf('\r\n\r\n');
  const [line = '', ...headers] = text.slice(0, end).split('\r\n');
  return {
    status: Number(line.split(' ')[1]),
    headers: Object.fromEntries(
      headers.map((h) => [h.slice(0, h.indexOf(':')).toLowerCase(), h.slice(h.indexOf(':') + 2)]),
    ),
    body: text.slice(end + 4),
  };
}
