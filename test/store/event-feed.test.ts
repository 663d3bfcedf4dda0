import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { forget } from '../../src/calls/call.ts';
import type { CallStore, Change } from '../../src/calls/ports.ts';
import { encodeCall } from '../../src/store/codec.ts';
import { EventFeed } from '../../src/store/event-feed.ts';
import { StreamedEventLog } from '../../src/store/event-log.ts';
import { EVENTS_KEY } from '../../src/store/keys.ts';
import { aCall, idIn, NOW } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { aRedisStore, aRoster, blocking, realClock, SOON, silent } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const [ONE, TWO] = [idIn(3, 0), idIn(3, 1)];

/** What one replica knows of what another writes. */
async function aFeed() {
  const { redis, store } = await aRedisStore(server);
  const roster = aRoster();
  const block = await blocking(server);
  let unreadable = 0;
  const told: string[] = [];
  const feed = new EventFeed({
    read: redis,
    block,
    roster,
    eventLog: new StreamedEventLog({ redis, clock: realClock }),
    clock: realClock,
    blockMs: 100,
    log: silent,
    onTracked: ({ id }) => told.push(id),
    onUnreadable: () => unreadable++,
  });
  onTestFinished(() => feed.stop());
  return { store, roster, feed, block, told, unreadable: () => unreadable };
}

const tracked = (id: string, registration = 'r1'): Change => ({
  id,
  expected: null,
  next: aCall({ id, registration }),
  tell: 'tracked',
});
async function remove(store: CallStore, id: string): Promise<void> {
  const [entry] = await store.find([id]);
  if (!entry) throw new Error(`${id} is not there`);
  await store.write([{ id, expected: entry.version, gone: forget(entry.call, 'ended', NOW) }]);
}

describe('the feed of events', () => {
  test('says once which calls others have tracked, and nothing about those of this replica', async () => {
    const { store, roster, feed, told } = await aFeed();
    await feed.follow();
    const own = tracked(ONE);
    roster.apply(own, 'v1');
    await store.write([own, tracked(TWO)]);
    await vi.waitFor(() => expect(told).toEqual([TWO]), SOON);
  });

  test('tells the roster of what others track, and of what leaves', async () => {
    const { store, roster, feed } = await aFeed();
    await feed.follow();
    await store.write([tracked(ONE), tracked(TWO)]);
    await vi.waitFor(() => expect(roster.tracked).toBe(2), SOON);
    expect(roster.peek(ONE)).toEqual((await store.find([ONE]))[0]);
    await remove(store, ONE);
    await vi.waitFor(() => expect(roster.peek(ONE)).toBeNull(), SOON);
    expect(await roster.findGone([ONE])).toMatchObject([{ removal: 'ended' }]);
    expect(roster.hasUnsaved).toBe(false);
  });

  test('begins with what happens from now on: what was before is read from the slots', async () => {
    const { store, roster, feed } = await aFeed();
    await store.write([tracked(ONE)]);
    await feed.follow();
    await store.write([tracked(TWO)]);
    await vi.waitFor(() => expect(roster.peek(TWO)).not.toBeNull(), SOON);
    expect(roster.peek(ONE)).toBeNull();
  });

  test('does not undo, by the echo of a tracking, what has happened to the call since', async () => {
    const { store, roster, feed } = await aFeed();
    await feed.follow();
    roster.put(aCall({ id: ONE, renewedAt: NOW }));
    await store.write([tracked(ONE), tracked(TWO)]);
    await vi.waitFor(() => expect(roster.peek(TWO)).not.toBeNull(), SOON);
    expect(roster.peek(ONE)?.call.renewedAt).toBe(NOW);
  });

  test('does not remove, by the end of an earlier registration, a call that was tracked again', async () => {
    const { store, roster, feed } = await aFeed();
    await feed.follow();
    roster.put(aCall({ id: ONE, registration: 'r2' }));
    await store.write([tracked(ONE)]);
    await remove(store, ONE);
    await store.write([tracked(TWO)]);
    await vi.waitFor(() => expect(roster.peek(TWO)).not.toBeNull(), SOON);
    expect(roster.peek(ONE)?.call.registration).toBe('r2');
  });

  test('skips what it cannot read, counts it, and goes on', async () => {
    const { store, roster, feed, unreadable } = await aFeed();
    await feed.follow();
    await server.client.xadd(EVENTS_KEY, '*', 'type', 'tracked', 'id', ONE, 'call', 'garbage');
    await server.client.xadd(EVENTS_KEY, '*', 'type', 'ended', 'id', ONE, 'call', '{"v":2}');
    await server.client.xadd(EVENTS_KEY, '*', 'something', 'else');
    await store.write([tracked(TWO)]);
    await vi.waitFor(() => expect(roster.peek(TWO)).not.toBeNull(), SOON);
    expect(unreadable()).toBe(3);
    expect(roster.peek(ONE)).toBeNull();
  });

  test('goes on after an absence of Redis, and misses nothing of it', async () => {
    const { store, roster, feed } = await aFeed();
    await feed.follow();
    await store.write([tracked(ONE)]);
    await vi.waitFor(() => expect(roster.peek(ONE)).not.toBeNull(), SOON);
    await server.kill();
    await server.restart();
    await vi.waitFor(() => store.write([tracked(TWO)]), SOON);
    await vi.waitFor(() => expect(roster.peek(TWO)).not.toBeNull(), SOON);
  });

  test('begins anew where Redis has lost its data', async () => {
    const { store, roster, feed } = await aFeed();
    await feed.follow();
    await store.write([tracked(ONE)]);
    await vi.waitFor(() => expect(roster.peek(ONE)).not.toBeNull(), SOON);
    await server.flush();
    // Its ids may be smaller than those before, as when Redis's clock was set back.
    await server.client.xadd(EVENTS_KEY, '1-1', 'type', 'tracked', 'id', 'old', 'call', '{}');
    await feed.follow();
    await server.client.xadd(
      EVENTS_KEY,
      '1-2',
      'type',
      'tracked',
      'id',
      TWO,
      'call',
      encodeCall(aCall({ id: TWO })),
    );
    await vi.waitFor(() => expect(roster.peek(TWO)).not.toBeNull(), SOON);
  });

  test('rejects where Redis does not answer, and follows when it is asked again', async () => {
    const { store, roster, feed } = await aFeed();
    await server.kill();
    await expect(feed.follow()).rejects.toThrow();
    await server.restart();
    await vi.waitFor(() => feed.follow(), SOON);
    await store.write([tracked(ONE)]);
    await vi.waitFor(() => expect(roster.peek(ONE)).not.toBeNull(), SOON);
  });

  test('follows once, however often it is asked to', async () => {
    const { store, roster, feed, unreadable } = await aFeed();
    await Promise.all([feed.follow(), feed.follow(), feed.follow()]);
    await server.client.xadd(EVENTS_KEY, '*', 'type', 'tracked', 'id', ONE, 'call', 'garbage');
    await store.write([tracked(TWO)]);
    await vi.waitFor(() => expect(roster.peek(TWO)).not.toBeNull(), SOON);
    expect(unreadable()).toBe(1);
  });

  test('stops at once, before it follows, while it reads, and while Redis is away', async () => {
    (await aFeed()).feed.stop();
    const { feed, block } = await aFeed();
    await feed.follow();
    feed.stop();
    feed.stop();
    await vi.waitFor(() => expect(block.status).toBe('end'), SOON);
    const other = await aFeed();
    await other.feed.follow();
    await server.kill();
    try {
      other.feed.stop();
    } finally {
      await server.restart();
    }
    // Not opened again behind its back.
    const clients = String(await server.client.client('LIST'));
    expect(clients).not.toContain('name=callkeeper-blocking');
  });
});
