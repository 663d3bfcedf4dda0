import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Call, RemovedCall } from '../../src/calls/call.ts';
import type { EventGap, EventReader, PlacedEvent } from '../../src/calls/event.ts';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { ALL_APPS, emptyRecord } from '../../src/calls/record.ts';
import { EventFeed } from '../../src/store/event-feed.ts';
import { StreamedEventLog } from '../../src/store/event-log.ts';
import { EVENTS_KEY } from '../../src/store/keys.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { encodeRecord } from '../../src/store/record-codec.ts';
import { OWNERS } from '../../src/store/record-kind.ts';
import { aCall, aRemovedCall, idIn, NOW, recordOf } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { aLocal, blocking, fast, publish, realClock, SOON, silent } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const ID = idIn(3, 0);

async function aLog({ recent, follows = true }: { recent?: number; follows?: boolean } = {}) {
  const redis = await fast(server);
  const log = new StreamedEventLog({
    redis,
    clock: realClock,
    ...(recent === undefined ? {} : { recent }),
  });
  const feed = new EventFeed({
    read: redis,
    block: await blocking(server),
    local: aLocal(),
    owners: new LocalRegistry({ kind: OWNERS, slots: 1 }),
    eventLog: log,
    clock: realClock,
    blockMs: 100,
    log: silent,
    onTracked: () => undefined,
    onUnreadable: () => undefined,
  });
  onTestFinished(() => feed.stop());
  if (follows) await feed.follow();
  return { log, feed };
}

const tell = (type = 'tracked', call: Call | RemovedCall = aCall({ id: ID })) =>
  publish(server, type, call);

async function tellMany(count: number): Promise<string[]> {
  const places = [];
  for (let i = 0; i < count; i++) places.push(await tell());
  return places;
}

/** Reads until the test is over, and keeps what it was given. */
function follow(reader: EventReader) {
  const stop = new AbortController();
  const events: PlacedEvent[] = [];
  const gaps: EventGap[] = [];
  onTestFinished(() => stop.abort());
  void (async () => {
    for (;;) {
      const piece = await reader.next(stop.signal);
      if (piece === null) return;
      if (piece.gap) gaps.push(piece.gap);
      events.push(...piece.events);
    }
  })();
  return { events, gaps, places: () => events.map(({ place }) => place) };
}

async function streamReads(): Promise<number> {
  const stats = await server.client.info('commandstats');
  return Number(/cmdstat_xrange:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

describe('a reader that is up to date', () => {
  test('gets each new event, from any replica', async () => {
    await tellMany(2);
    const { log } = await aLog();
    const read = follow(log.readAfter(null));
    const places = [await tell(), await tell('ended', aRemovedCall({ id: ID }))];
    await vi.waitFor(() => expect(read.places()).toEqual(places), SOON);
    expect(read.gaps).toEqual([]);
    const [first, second] = read.events.map(({ event }) => event);
    expect(first).toEqual({
      id: `${ID}/r1/tracked`,
      type: 'tracked',
      at: NOW,
      call: aCall({ id: ID }),
    });
    expect(second).toMatchObject({ type: 'ended', call: { state: 'ended', removedAt: NOW } });
  });

  test('costs Redis nothing, however many there are', async () => {
    await tellMany(2);
    const { log } = await aLog();
    const before = await streamReads();
    const readers = Array.from({ length: 20 }, () => follow(log.readAfter(null)));
    const places = await tellMany(120);
    for (const read of readers) {
      await vi.waitFor(() => expect(read.places()).toEqual(places), SOON);
    }
    expect(await streamReads()).toBe(before);
  });

  test('skips what cannot be read, and the stop of a call that nobody knew', async () => {
    const { log } = await aLog();
    const reader = log.readAfter(null);
    const read = follow(reader);
    await server.client.xadd(
      EVENTS_KEY,
      '*',
      'type',
      'ended',
      'id',
      ID,
      'record',
      '2from the future',
    );
    await server.client.xadd(EVENTS_KEY, '*', 'type', 'invented', 'id', ID, 'record', '{}');
    await server.client.xadd(EVENTS_KEY, '*', 'something', 'else');
    const stop = { generation: 'r1', at: NOW, reason: 'request' as const, resultInfo: null };
    const unknown = encodeRecord({ ...emptyRecord(ID), stops: { [ALL_APPS]: stop } });
    const last = await server.client.xadd(
      EVENTS_KEY,
      '*',
      ...['type', 'untracked', 'id', ID, 'record', unknown],
    );
    await vi.waitFor(() => expect(reader.place).toBe(last), SOON);
    expect(read.events).toEqual([]);
    const place = await tell();
    await vi.waitFor(() => expect(read.places()).toEqual([place]), SOON);
  });

  test('waits no longer than its signal', async () => {
    const { log } = await aLog();
    const stop = new AbortController();
    const next = log.readAfter(null).next(stop.signal);
    stop.abort();
    expect(await next).toBeNull();
    expect(await log.readAfter('1-1').next(stop.signal)).toBeNull();
  });

  test('does not begin before the end of the stream is known', async () => {
    const { log, feed } = await aLog({ follows: false });
    expect(() => log.readAfter(null)).toThrow(StoreUnavailableError);
    await feed.follow();
    const read = follow(log.readAfter(null));
    const place = await tell();
    await vi.waitFor(() => expect(read.places()).toEqual([place]), SOON);
  });
});

describe('a reader that is behind', () => {
  test('catches up in chunks, then follows', async () => {
    const places = await tellMany(130);
    const { log } = await aLog();
    const read = follow(log.readAfter(places[4] ?? ''));
    await vi.waitFor(() => expect(read.places()).toEqual(places.slice(5)), SOON);
    places.push(...(await tellMany(3)));
    await vi.waitFor(() => expect(read.places()).toEqual(places.slice(5)), SOON);
    expect(read.gaps).toEqual([]);
  });

  test('gets at most one chunk at once', async () => {
    const places = await tellMany(130);
    const { log } = await aLog();
    const piece = await log.readAfter(places[0] ?? '').next(new AbortController().signal);
    expect(piece?.events).toHaveLength(50);
    expect(piece?.place).toBe(places[50]);
  });

  test('reads the stream if memory no longer has the events', async () => {
    await tell();
    const { log } = await aLog({ recent: 5 });
    const reader = log.readAfter(null);
    const newest = follow(log.readAfter(null));
    const places = await tellMany(80);
    await vi.waitFor(() => expect(newest.places()).toEqual(places), SOON);
    const late = follow(reader);
    await vi.waitFor(() => expect(late.places()).toEqual(places), SOON);
    expect(late.gaps).toEqual([]);
  });

  test('gets a gap if the stream no longer has it either, and goes on with the rest', async () => {
    await tell();
    const { log } = await aLog({ recent: 5 });
    const reader = log.readAfter(null);
    const newest = follow(log.readAfter(null));
    const after = reader.place;
    const places = await tellMany(80);
    await vi.waitFor(() => expect(newest.places()).toEqual(places), SOON);
    await server.client.xtrim(EVENTS_KEY, 'MAXLEN', 20);
    const late = follow(reader);
    await vi.waitFor(() => expect(late.places()).toEqual(places.slice(-20)), SOON);
    expect(late.gaps).toEqual([{ after, firstKept: places.at(-20) }]);
  });

  test.each(['0-0', '1-1'])('asked for what was before the start, %s, says so', async (place) => {
    const places = await tellMany(3);
    const { log } = await aLog();
    const read = follow(log.readAfter(place));
    await vi.waitFor(() => expect(read.places()).toEqual(places), SOON);
    expect(read.gaps).toEqual([{ after: place, firstKept: places[0] }]);
  });

  test('from a place ahead of all there is says so, and begins with what is kept', async () => {
    const places = await tellMany(3);
    const { log } = await aLog();
    const read = follow(log.readAfter('9999999999999-0'));
    await vi.waitFor(() => expect(read.places()).toEqual(places), SOON);
    expect(read.gaps).toEqual([{ after: '9999999999999-0', firstKept: places[0] }]);
  });

  test('of a stream that is empty says so once, and follows', async () => {
    const { log } = await aLog();
    const read = follow(log.readAfter('7-7'));
    await vi.waitFor(() => expect(read.gaps).toEqual([{ after: '7-7', firstKept: null }]), SOON);
    const place = await tell();
    await vi.waitFor(() => expect(read.places()).toEqual([place]), SOON);
    expect(read.gaps).toHaveLength(1);
  });
});

describe('when Redis goes away', () => {
  test('readers wait, and go on where they were', async () => {
    const first = await tell();
    const { log, feed } = await aLog();
    const live = follow(log.readAfter(null));
    const places = [await tell()];
    await vi.waitFor(() => expect(live.places()).toEqual(places), SOON);
    await server.kill();
    const late = follow(log.readAfter(first));
    await server.restart();
    places.push(await tell());
    await vi.waitFor(() => expect(live.places()).toEqual(places), SOON);
    await vi.waitFor(() => expect(late.places()).toEqual(places), SOON);
    await vi.waitFor(() => feed.follow(), SOON);
    places.push(await tell());
    await vi.waitFor(() => expect(live.places()).toEqual(places), SOON);
    await vi.waitFor(() => expect(late.places()).toEqual(places), SOON);
    expect([...live.gaps, ...late.gaps]).toEqual([]);
  });

  test('events from before the feed follows again are not left out', async () => {
    await tell();
    const { log, feed } = await aLog();
    const read = follow(log.readAfter(null));
    feed.stop();
    const places = await tellMany(3);
    log.begin(places.at(-1) ?? '');
    await vi.waitFor(() => expect(read.places()).toEqual(places), SOON);
    expect(read.gaps).toEqual([]);
  });

  test('and comes back empty, readers get a gap and then new events', async () => {
    await tell();
    const { log, feed } = await aLog();
    const read = follow(log.readAfter(null));
    const last = await tell();
    await vi.waitFor(() => expect(read.places()).toEqual([last]), SOON);
    await server.flush();
    // Its ids may be smaller than those before, as when Redis's clock was set back.
    const fields = [
      'type',
      'tracked',
      'id',
      ID,
      'record',
      encodeRecord(recordOf(aCall({ id: ID }))),
    ];
    await server.client.xadd(EVENTS_KEY, '1-1', ...fields);
    await feed.follow();
    await vi.waitFor(() => expect(read.places()).toEqual([last, '1-1']), SOON);
    await server.client.xadd(EVENTS_KEY, '1-2', ...fields);
    await vi.waitFor(() => expect(read.places()).toEqual([last, '1-1', '1-2']), SOON);
    expect(read.gaps).toEqual([{ after: last, firstKept: '1-1' }]);
  });
});
