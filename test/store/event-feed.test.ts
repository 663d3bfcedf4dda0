import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { emptyOwner, type OwnerRecord } from '../../src/calls/owner.ts';
import { type CallRecord, emptyRecord, stateOf } from '../../src/calls/record.ts';
import { EventFeed } from '../../src/store/event-feed.ts';
import { StreamedEventLog } from '../../src/store/event-log.ts';
import { EVENTS_KEY } from '../../src/store/keys.ts';
import { LocalRegistry } from '../../src/store/local-registry.ts';
import { encodeOwner } from '../../src/store/owner-codec.ts';
import { encodeRecord } from '../../src/store/record-codec.ts';
import { OWNERS } from '../../src/store/record-kind.ts';
import { aCall, anError, idIn, NOW, recordOf } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { aLocal, aReplica, blocking, ready, realClock, SOON, silent } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const [ONE, TWO] = [idIn(3, 0), idIn(3, 1)];

/** What one replica knows of what another writes. */
async function aFeed() {
  const { redis, add } = await aReplica(server);
  const local = aLocal();
  const block = await blocking(server);
  let unreadable = 0;
  const told: string[] = [];
  const owners = new LocalRegistry<OwnerRecord>({ kind: OWNERS, slots: 1 });
  const feed = new EventFeed({
    read: redis,
    block,
    local,
    owners,
    eventLog: new StreamedEventLog({ redis, clock: realClock }),
    clock: realClock,
    blockMs: 100,
    log: silent,
    onTracked: ({ id }) => told.push(id),
    onUnreadable: () => unreadable++,
  });
  onTestFinished(() => feed.stop());
  const state = (id: string) => stateOf(local.get(id));
  const learns = (id: string, what: string) => vi.waitFor(() => expect(state(id)).toBe(what), SOON);
  const unreadables = () => unreadable;
  return { redis, add, local, owners, feed, block, told, state, learns, unreadable: unreadables };
}

const tracked = (id: string, generation = 'r1') => recordOf(aCall({ id, generation }));
const ending = (id: string): CallRecord => ({
  ...emptyRecord(id),
  ending: { generation: 'r1', sentAt: NOW, at: NOW, error: anError({ status: 404 }) },
});

describe('the feed of events', () => {
  test('says once which calls others have tracked, and nothing about those of this replica', async () => {
    const { add, local, feed, told } = await aFeed();
    await feed.follow();
    local.merge(tracked(ONE));
    await add(tracked(ONE), tracked(TWO));
    await vi.waitFor(() => expect(told).toEqual([TWO]), SOON);
  });

  test('learns what others track, and what is removed', async () => {
    const { add, local, feed, learns, state } = await aFeed();
    await feed.follow();
    await add(tracked(ONE), tracked(TWO));
    await learns(TWO, 'tracked');
    expect(local.get(ONE)).toEqual(tracked(ONE));
    await add(ending(ONE));
    await learns(ONE, 'ended');
    expect(state(TWO)).toBe('tracked');
    expect(local.unacknowledged.size).toBe(0);
  });

  test('begins with what happens from now on: what was before is read from the slots', async () => {
    const { add, feed, learns, state } = await aFeed();
    await add(tracked(ONE));
    await feed.follow();
    await add(tracked(TWO));
    await learns(TWO, 'tracked');
    expect(state(ONE)).toBeNull();
  });

  test('learns what happens to owners, and takes no owner for a call', async () => {
    const { add, feed, owners, learns, told } = await aFeed();
    await feed.follow();
    const lease = { after: 0, renewedAt: NOW, leaseMs: 90_000 };
    const lapsed = { ...emptyOwner('bot-7@default'), lease, lapse: { renewedAt: NOW, at: NOW } };
    const fields = ['type', 'owner.lapsed', 'name', 'n', 'at', '1', 'id', lapsed.id];
    await server.client.xadd(EVENTS_KEY, '*', ...fields, 'record', encodeOwner(lapsed));
    await add(tracked(ONE));
    await learns(ONE, 'tracked');
    expect(owners.get(lapsed.id)).toEqual(lapsed);
    expect(told).toEqual([ONE]);
  });

  test('does not undo, by the echo of a tracking, what has happened to the call since', async () => {
    const { add, local, feed, learns } = await aFeed();
    await feed.follow();
    local.merge(recordOf(aCall({ id: ONE, renewedAt: NOW })));
    await add(tracked(ONE), tracked(TWO));
    await learns(TWO, 'tracked');
    expect(local.get(ONE).renewedAt).toBe(NOW);
  });

  test('does not remove, by the end of an earlier tracking, a call that was tracked again', async () => {
    const { add, local, feed, learns, state } = await aFeed();
    await feed.follow();
    local.merge(tracked(ONE, 'r2'));
    await add(tracked(ONE));
    await add(ending(ONE));
    await add(tracked(TWO));
    await learns(TWO, 'tracked');
    expect(state(ONE)).toBe('tracked');
    expect(local.get(ONE).tracking?.generation).toBe('r2');
  });

  test('skips what it cannot read, counts it, and goes on', async () => {
    const { add, feed, learns, state, unreadable } = await aFeed();
    await feed.follow();
    await server.client.xadd(EVENTS_KEY, '*', 'type', 'tracked', 'id', ONE, 'record', 'garbage');
    await server.client.xadd(
      EVENTS_KEY,
      '*',
      'type',
      'ended',
      'id',
      ONE,
      'record',
      '2from the future',
    );
    await server.client.xadd(EVENTS_KEY, '*', 'something', 'else');
    await add(tracked(TWO));
    await learns(TWO, 'tracked');
    expect(unreadable()).toBe(3);
    expect(state(ONE)).toBeNull();
  });

  test('goes on after an absence of Redis, and misses nothing of it', async () => {
    const { redis, add, feed, learns } = await aFeed();
    await feed.follow();
    await add(tracked(ONE));
    await learns(ONE, 'tracked');
    await server.kill();
    await vi.waitFor(() => expect(redis.status).not.toBe('ready'), SOON);
    await server.restart();
    // While the connection is not back, a replica keeps what it writes to itself.
    await ready(redis);
    await add(tracked(TWO));
    await learns(TWO, 'tracked');
  });

  test('starts over if Redis has lost its data', async () => {
    const { add, feed, learns } = await aFeed();
    await feed.follow();
    await add(tracked(ONE));
    await learns(ONE, 'tracked');
    await server.flush();
    // Its ids may be smaller than those before, as when Redis's clock was set back.
    await server.client.xadd(EVENTS_KEY, '1-1', 'type', 'tracked', 'id', 'old', 'record', '{}');
    await feed.follow();
    const text = encodeRecord(tracked(TWO));
    const fields = ['type', 'tracked', 'id', TWO, 'record', text];
    await server.client.xadd(EVENTS_KEY, '1-2', ...fields);
    await learns(TWO, 'tracked');
  });

  test('starts over by itself if the places of a new stream are lower', async () => {
    const { add, feed, learns } = await aFeed();
    const inAnHour = `${Date.now() + 3_600_000}-0`; // as after a jump of Redis's clock
    await server.client.xadd(EVENTS_KEY, inAnHour, 'type', 'odd');
    await feed.follow();
    await server.flush(); // another replica notices it first, and leaves nothing to notice
    await add(tracked(ONE));
    await learns(ONE, 'tracked');
    await add(ending(ONE));
    await learns(ONE, 'ended');
  });

  test('rejects if Redis does not answer, and follows at the next attempt', async () => {
    const { add, feed, learns } = await aFeed();
    await server.kill();
    await expect(feed.follow()).rejects.toThrow();
    await server.restart();
    await vi.waitFor(() => feed.follow(), SOON);
    await add(tracked(ONE));
    await learns(ONE, 'tracked');
  });

  test('follows once, however often it is asked to', async () => {
    const { add, feed, learns, unreadable } = await aFeed();
    await Promise.all([feed.follow(), feed.follow(), feed.follow()]);
    await server.client.xadd(EVENTS_KEY, '*', 'type', 'tracked', 'id', ONE, 'record', 'garbage');
    await add(tracked(TWO));
    await learns(TWO, 'tracked');
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
