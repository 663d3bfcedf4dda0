import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { describe, expect, test, vi } from 'vitest';
import { hashOf } from '../../../src/access/key-ring.ts';
import type { PlacedEvent } from '../../../src/calls/event.ts';
import { emptyOwner } from '../../../src/calls/owner.ts';
import { problemType } from '../../../src/http/problems.ts';
import { EventClient } from '../event-client.ts';
import {
  aCall,
  aClient,
  anApp,
  aRemovedCall,
  type Fixture,
  ID,
  identifyBy,
  NOW,
} from '../fixture.ts';

const SOON = { timeout: 15_000, interval: 10 };

async function listen(app: FastifyInstance): Promise<string> {
  if (app.server.listening) return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  return app.listen({ port: 0, host: '127.0.0.1' });
}

async function open(
  { app }: Fixture,
  path = '/events',
  headers: Record<string, string> = {},
): Promise<EventClient> {
  const client = await EventClient.open(`${await listen(app)}${path}`, headers);
  await vi.waitFor(() => expect(client.frames).not.toEqual([]), SOON);
  return client;
}

function ended(place: string, over: object = {}): PlacedEvent {
  const event = { id: `event-${place}`, type: 'ended', at: NOW, call: aRemovedCall(over) } as const;
  return { place, event };
}

const OWNER = {
  owner: 'bot-7',
  app: 'default',
  state: 'lapsed' as const,
  tracked: 3,
  renewedAt: '2026-02-03T04:05:06.789Z',
  leaseSeconds: 90,
  leaseUntil: '2026-02-03T04:06:36.789Z',
  stopsAt: '2026-02-03T04:16:36.789Z',
};

describe('GET /events', () => {
  test('sends what happens, each event with its place and the call as it stood', async () => {
    const fixture = await anApp();
    const client = await open(fixture);
    expect(client.response.status).toBe(200);
    expect(client.response.headers.get('content-type')).toBe('text/event-stream');
    expect(client.response.headers.get('cache-control')).toBe('no-store');
    fixture.events.tell({ events: [ended('101-0'), ended('102-0')], place: '103-0' });
    await vi.waitFor(() => expect(client.events).toHaveLength(2), SOON);
    fixture.calls.known.set(ID, aRemovedCall());
    const call = (await fixture.app.inject(`/calls/${ID}`)).json();
    expect(client.frames.slice(0, 3)).toEqual([
      { retry: expect.stringMatching(/^\d+$/), id: '100-0' },
      ...['101-0', '102-0'].map((place) => ({
        id: place,
        event: 'call.ended',
        data: {
          id: `event-${place}`,
          type: 'call.ended',
          timestamp: '2026-02-03T04:05:06.789Z',
          call,
        },
      })),
    ]);
  });

  test('sends events of owners, except to streams of a call, of labels or of another app', async () => {
    const key = (apps: string[]) => aClient('k'.repeat(24), { apps });
    const presentOwner = () => OWNER;
    const open1 = await anApp({ presentOwner });
    const limited = await anApp({ presentOwner, identify: identifyBy({ holders: [key(['x'])] }) });
    const owner = emptyOwner('bot-7@default');
    const event = { id: 'event-1', type: 'owner.lapsed', at: NOW, owner } as const;
    const authorization = { authorization: `Bearer ${'k'.repeat(24)}` };
    const clients = await Promise.all([
      open(open1),
      open(open1, '/events?app=default'),
      open(open1, `/events?call=${ID}`),
      open(open1, '/events?label=room'),
      open(open1, '/events?app=x'),
      open(limited, '/events', authorization),
    ]);
    for (const { events } of [open1, limited]) {
      events.tell({ events: [{ place: '101-0', event }], place: '101-0' });
      const call = { labels: { room: 'a' }, app: 'x' };
      events.tell({ events: [ended('102-0', call), ended('103-0')], place: '103-0' });
    }
    const [all, ofApp, ...others] = clients;
    await vi.waitFor(() => expect(all?.events).toHaveLength(3), SOON);
    await vi.waitFor(() => expect(ofApp?.events).toHaveLength(2), SOON);
    expect(all?.frames[1]).toEqual({
      id: '101-0',
      event: 'owner.lapsed',
      data: { id: 'event-1', type: 'owner.lapsed', timestamp: expect.any(String), owner: OWNER },
    });
    for (const client of others) {
      await vi.waitFor(() => expect(client.events.length).toBeGreaterThan(0), SOON);
      expect(client.events.map(({ event: type }) => type)).not.toContain('owner.lapsed');
    }
  });

  test.each([ID.toUpperCase(), ID.replaceAll('-', '')])(
    'sends only the events of the call that is asked for (%s)',
    async (call) => {
      const fixture = await anApp();
      const client = await open(fixture, `/events?call=${call}`);
      fixture.events.tell({ events: [ended('101-0', { id: 'another-call' })], place: '101-0' });
      fixture.events.tell({ events: [ended('102-0')], place: '102-0' });
      await vi.waitFor(() => expect(client.events).toHaveLength(1), SOON);
      expect(client.frames.at(-1)).toMatchObject({ id: '102-0', data: { call: { id: ID } } });
      expect((await fixture.app.inject('/events?call=x')).statusCode).toBe(400);
    },
  );

  test('sends only the events of the app and with the labels that are asked for', async () => {
    const fixture = await anApp();
    const client = await open(fixture, '/events?app=one&label=room%3Dboard&label=floor');
    const events = [
      ended('101-0', { app: 'two', labels: { room: 'board', floor: '1' } }),
      ended('102-0', { app: 'one', labels: { room: 'board' } }),
      ended('103-0', { app: 'one', labels: { room: 'board', floor: '' } }),
      ended('104-0', { app: 'one', labels: { room: 'other', floor: '' } }),
    ];
    fixture.events.tell({ events, place: '104-0' });
    fixture.events.tell({ events: [ended('105-0', { app: 'one' })], place: '105-0' });
    const last = ended('106-0', { app: 'one', labels: { room: 'board', floor: '2' } });
    fixture.events.tell({ events: [last], place: '106-0' });
    await vi.waitFor(() => expect(client.lastEventId).toBe('106-0'), SOON);
    expect(client.events.map(({ id }) => id)).toEqual(['103-0', '106-0']);
  });

  test('reports missing events', async () => {
    const fixture = await anApp();
    const client = await open(fixture, '/events', { 'last-event-id': '1-0' });
    const gap = { after: '1-0', firstKept: '101-0' };
    fixture.events.tell({ gap, events: [ended('101-0')], place: '101-0' });
    await vi.waitFor(() => expect(client.events).toHaveLength(2), SOON);
    expect(client.events[0]).toEqual({ event: 'gap', data: gap });
    expect(client.events[1]).toMatchObject({ event: 'call.ended', id: '101-0' });
  });

  test('resumes from the header, or else from the query', async () => {
    const fixture = await anApp();
    await open(fixture, '/events?lastEventId=7-1');
    await open(fixture, '/events?lastEventId=7-1', { 'last-event-id': '8-2' });
    await open(fixture, '/events?lastEventId=7-1', { 'last-event-id': '' });
    await open(fixture);
    expect(fixture.events.asked).toEqual(['7-1', '8-2', '7-1', null]);
  });

  test.each([
    ['lastEventId', '/events?lastEventId=yesterday', {}],
    ['lastEventId', '/events?lastEventId=', {}],
    ['lastEventId', '/events?lastEventId=99999999999999999999-0', {}],
    ['last-event-id', '/events', { 'last-event-id': '12' }],
    ['last-event-id', '/events?lastEventId=7-1', { 'last-event-id': '7-1, 8-1' }],
    ['label', '/events?label=%20', {}],
    ['app', '/events?app=', {}],
    ['since', '/events?since=7-1', {}],
  ])('refuses a bad %s: %s %j', async (parameter, url, headers) => {
    const { app, events } = await anApp();
    const answer = await app.inject({ url, headers });
    expect(answer.statusCode).toBe(400);
    const body = answer.json();
    expect(body).toMatchObject({ type: problemType('invalid-request') });
    expect(JSON.stringify(body.errors)).toContain(parameter);
    expect(events.asked).toEqual([]);
  });

  test('sends its place between events, so that an idle client does not fall behind', async () => {
    const fixture = await anApp({ limits: { eventHeartbeatMs: 20 } });
    const client = await open(fixture, '/events?app=another');
    const beats = () => client.frames.filter(({ comment }) => comment === 'heartbeat');
    await vi.waitFor(() => expect(beats().length).toBeGreaterThan(1), SOON);
    expect(beats()[0]).toEqual({ comment: 'heartbeat', id: '100-0' });
    fixture.events.tell({ events: [ended('101-0')], place: '102-0' });
    await vi.waitFor(() => expect(client.lastEventId).toBe('102-0'), SOON);
    expect(client.events).toEqual([]);
  });

  test('cuts off a client that never reads, and keeps little for it until then', async () => {
    const fixture = await anApp({ limits: { eventStalledMs: 2_000 } });
    const reading = await open(fixture);
    await listen(fixture.app);
    const socket = connect((fixture.app.server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => {});
    socket.pause();
    socket.write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
    await vi.waitFor(() => expect(fixture.events.asked).toHaveLength(2), SOON);
    const labels = Object.fromEntries(
      Array.from({ length: 16 }, (_, i) => [`l${i}`, 'x'.repeat(256)]),
    );
    const pieces = 200;
    for (let i = 1; i <= pieces; i++) {
      const events = Array.from({ length: 50 }, () => ended(`${100 + i}-0`, { labels }));
      fixture.events.tell({ events, place: `${100 + i}-0` });
    }
    const gone = 'event stream closed: the client reads no events';
    await vi.waitFor(() => expect(fixture.logged.join('')).toContain(gone), SOON);
    // Of 40 MB it has been sent what the kernel takes; the other one all.
    await expect.poll(() => reading.events.length).toBe(50 * pieces);
    let received = 0;
    socket.on('data', ({ length }) => {
      received += length;
    });
    socket.resume();
    await once(socket, 'close');
    expect(received).toBeLessThan(50 * pieces * 16 * 256);
  });

  test('limits the open streams, and counts them', async () => {
    const fixture = await anApp({ limits: { maxEventStreams: 2 } });
    const [one] = [await open(fixture), await open(fixture)];
    const refused = await fixture.app.inject('/events');
    expect(refused.statusCode).toBe(503);
    expect(refused.json().type).toBe(problemType('too-many-streams'));
    expect(refused.headers['retry-after']).toBe('10');
    one.close();
    const url = await listen(fixture.app);
    await vi.waitFor(async () => {
      expect((await EventClient.open(`${url}/events`)).response.status).toBe(200);
    }, SOON);
  });

  test('gives no client all streams', async () => {
    const apiKeys = ['a'.repeat(24), 'b'.repeat(24)];
    const keys = apiKeys.map((key) => ({ authorization: `Bearer ${key}` }));
    const fixture = await anApp({
      limits: { maxEventStreams: 4 },
      identify: identifyBy({ apiKeys }),
    });
    const streams = [];
    for (let i = 0; i < 3; i++) streams.push(await open(fixture, '/events', keys[0]));
    const refused = await fixture.app.inject({ url: '/events', headers: keys[0] ?? {} });
    expect([refused.statusCode, refused.json().detail]).toEqual([
      503,
      expect.stringContaining('3 of 4 are in use by API_KEYS[0]'),
    ]);
    await open(fixture, '/events', keys[1]);
    streams[0]?.close();
    const url = `${await listen(fixture.app)}/events`;
    await vi.waitFor(async () => {
      expect((await EventClient.open(url, keys[0])).response.status).toBe(200);
    }, SOON);
  });

  test('gets 503 before Redis was reached, unless the client names a place', async () => {
    const fixture = await anApp();
    fixture.events.now = null;
    const answer = await fixture.app.inject('/events');
    expect(answer.statusCode).toBe(503);
    expect(answer.json().type).toBe(problemType('store-unavailable'));
    expect((await open(fixture, '/events?lastEventId=7-1')).response.status).toBe(200);
  });

  test('requires a key if there are keys', async () => {
    const KEY = 'correct-horse-battery-staple';
    const fixture = await anApp({ identify: identifyBy({ apiKeys: [KEY] }) });
    expect((await fixture.app.inject('/events')).statusCode).toBe(401);
    expect(fixture.events.asked).toEqual([]);
    const client = await open(fixture, '/events', { authorization: `Bearer ${KEY}` });
    expect(client.response.status).toBe(200);
  });

  test('shows a key that is limited to some apps only their calls', async () => {
    const KEY = 'correct-horse-battery-staple';
    const keys = [{ hash: hashOf(KEY), expiresAt: null }];
    const holder = { name: 'bot', keys, scopes: ['read'] as const, apps: ['one'], rateLimit: null };
    const fixture = await anApp({ identify: identifyBy({ holders: [holder] }) });
    const authorization = `Bearer ${KEY}`;
    const mine = await open(fixture, '/events', { authorization });
    const named = await open(fixture, '/events?app=two', { authorization });
    fixture.events.tell({
      events: [ended('101-0', { app: 'two' }), ended('102-0', { app: 'one' })],
      place: '102-0',
    });
    await vi.waitFor(() => expect(mine.events).toHaveLength(1), SOON);
    expect(mine.events[0]).toMatchObject({ id: '102-0', data: { call: { app: 'one' } } });
    expect(named.events).toEqual([]);
  });

  test.each([
    ['the next event', 60_000],
    ['the next heartbeat', 20],
  ])('ends with %s after its key was revoked', async (by, eventHeartbeatMs) => {
    let holds = true;
    const principal = {
      name: 'bot',
      scopes: new Set(['read'] as const),
      visibleApps: null,
      rateLimit: null,
      stillHolds: () => holds,
    };
    const fixture = await anApp({
      identify: () => ({ kind: 'known', principal }),
      limits: { eventHeartbeatMs },
    });
    const client = await open(fixture);
    fixture.events.tell({ events: [ended('101-0')], place: '101-0' });
    await vi.waitFor(() => expect(client.events).toHaveLength(1), SOON);
    holds = false;
    if (by === 'the next event') fixture.events.tell({ events: [ended('102-0')], place: '102-0' });
    await client.ended;
    expect(client.events).toHaveLength(1);
    await vi.waitFor(
      () => expect(fixture.logged.join('')).toContain('its key is no longer valid'),
      SOON,
    );
  });

  test('does not answer HEAD', async () => {
    const { app } = await anApp();
    const answer = await app.inject({ method: 'HEAD', url: '/events' });
    expect(answer.statusCode).toBe(405);
    expect(answer.headers.allow).toBe('GET');
  });

  test('ends when the app closes', async () => {
    const fixture = await anApp();
    const client = await open(fixture);
    await fixture.app.close();
    await client.ended;
    expect(client.frames.length).toBeGreaterThan(0);
  });

  test('shows a tracked call as tracked', async () => {
    const fixture = await anApp();
    const client = await open(fixture);
    const event = {
      id: '101-0',
      type: 'at-risk',
      at: NOW,
      call: aCall({ atRiskAt: NOW }),
    } as const;
    fixture.events.tell({ events: [{ place: '101-0', event }], place: '101-0' });
    await vi.waitFor(() => expect(client.events).toHaveLength(1), SOON);
    expect(client.events[0]).toMatchObject({
      event: 'call.at-risk',
      data: { call: { id: ID, state: 'tracked', atRiskAt: '2026-02-03T04:05:06.789Z' } },
    });
  });
});
