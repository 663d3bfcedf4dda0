import { once } from 'node:events';
import { pino } from 'pino';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Recovery } from '../../src/daemon/recovery.ts';
import { Emitter } from '../../src/store/emitter.ts';
import { slotKeys } from '../../src/store/keys.ts';
import type { LinkEvents, RedisLink } from '../../src/store/redis-link.ts';
import type { RegistrySlots, SlotsEvents } from '../../src/store/slots.ts';
import {
  aCall,
  aRemovedCall,
  FakeClock,
  idIn,
  MINUTE,
  NOW,
  recordOf,
  WHEEL,
} from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { aReplica, events, LATER } from '../store/fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const [ONE, TWO] = [idIn(3), idIn(5)];
const REMEMBER_MS = 90 * MINUTE;
const NO_LIMIT = new AbortController().signal;

class FakeLink extends Emitter<LinkEvents> {
  recover = () => this.emit('recovered', { isFirst: false });
  beat = () => this.emit('beat', undefined);
  lose = () => this.emit('lost', null);
  refuse = (error: Error) => this.emit('refused', error);
}

class FakeSlots extends Emitter<SlotsEvents> {
  lose = (calls: number) => this.emit('lost', calls);
}

async function aRecovery({ comesBack = false } = {}) {
  const replica = await aReplica(server);
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const follow = vi.fn<() => Promise<void>>(async () => undefined);
  const lookSoon = vi.fn<() => void>();
  const callsWrittenBack = vi.fn<(count: number) => void>();
  const onFatal = vi.fn<(error: Error) => void>();
  const recovery = new Recovery({
    registry: replica.registry,
    slots: replica.registry,
    feed: { follow },
    watch: { lookSoon },
    comesBack,
    metrics: { callsWrittenBack },
    wheel: WHEEL,
    rememberMs: REMEMBER_MS,
    replica: 'one',
    clock: new FakeClock(LATER),
    log,
    onFatal,
  });
  const link = new FakeLink();
  const slots = new FakeSlots();
  recovery.follow(link as unknown as RedisLink, slots as unknown as RegistrySlots);
  const stored = async () => {
    const states = await Promise.all([ONE, TWO].map(replica.stored));
    return [ONE, TWO].filter((_, i) => states[i] === 'tracked');
  };
  /** Calls that this replica knows, and that Redis has lost. */
  const know = (...ids: string[]) => {
    for (const id of ids) replica.local.merge(recordOf(aCall({ id })));
  };
  /** Takes a change while Redis is out. */
  const keep = async (record: ReturnType<typeof recordOf>) => {
    replica.link.up = false;
    await replica.add(record);
    replica.link.up = true;
  };
  const setUp = (up: boolean) => {
    replica.link.up = up;
  };
  const parts = { setUp, follow, lookSoon, callsWrittenBack, onFatal };
  return { ...replica, recovery, link, slots, stored, know, keep, lines, ...parts };
}

describe('when Redis is back', () => {
  test('the replica follows the events, then writes back what Redis has lost', async () => {
    const { link, know, stored, follow, lookSoon, callsWrittenBack } = await aRecovery();
    know(ONE, TWO);
    follow.mockImplementationOnce(async () => expect(await stored()).toEqual([]));
    await link.recover();
    expect(follow).toHaveBeenCalledTimes(1);
    expect(await stored()).toEqual([ONE, TWO]);
    expect(callsWrittenBack).toHaveBeenCalledWith(2);
    expect(lookSoon).toHaveBeenCalledTimes(1);
  });

  test('the watch checks all slots soon, even if Redis has lost nothing', async () => {
    const { link, add, lookSoon, callsWrittenBack } = await aRecovery();
    await add(recordOf(aCall({ id: ONE })));
    await link.recover();
    expect(callsWrittenBack).toHaveBeenCalledWith(0);
    expect(lookSoon).toHaveBeenCalledTimes(1);
  });

  test('a stop that only this replica knew is written, and published once', async () => {
    const { link, keep, registry, announced } = await aRecovery();
    await keep(recordOf(aRemovedCall({ id: ONE })));
    await link.recover();
    await link.recover();
    expect(announced).toEqual([{ type: 'ended', id: ONE }]);
    expect((await events(server)).map(({ type }) => type)).toEqual(['ended']);
    expect(registry.unacknowledged).toBe(0);
  });

  test('the replica learns of the calls that were removed a short while ago, not of older ones', async () => {
    const other = await aReplica(server);
    const gone = (id: string, removedAt: number) => recordOf(aRemovedCall({ id, removedAt }));
    await other.add(gone(ONE, NOW), gone(TWO, LATER - REMEMBER_MS - 1));
    const { link, local } = await aRecovery();
    await link.recover();
    expect([local.text(ONE) !== '', local.text(TWO) !== '']).toEqual([true, false]);
  });

  test('it does not count as back while the events or the slots cannot be read', async () => {
    const { link, redis, follow } = await aRecovery();
    follow.mockRejectedValueOnce(new Error('no stream'));
    await expect(link.recover()).rejects.toThrow('no stream');
    redis.disconnect();
    await expect(link.recover()).rejects.toThrow();
  });

  test('it is back although the keys of a slot are not ours, also if a call of that slot waits', async () => {
    const { link, know, keep, stored, registry, lines } = await aRecovery();
    know(TWO);
    await keep(recordOf(aCall({ id: ONE })));
    await server.client.set(slotKeys(3, WHEEL.slots).tracked, 'no hash');
    await link.recover();
    await link.beat();
    expect(lines).toContain('keys of slots in Redis have a foreign type: not synced');
    expect(registry.unacknowledged).toBe(1);
    await server.client.del(slotKeys(3, WHEEL.slots).tracked);
    await link.beat();
    expect(await stored()).toEqual([ONE, TWO]);
    expect(registry.unacknowledged).toBe(0);
  });
});

describe('with a heartbeat', () => {
  test('only what Redis has yet to learn is written', async () => {
    const { link, know, keep, stored } = await aRecovery();
    know(ONE, TWO);
    await link.recover();
    await server.client.del(slotKeys(5, WHEEL.slots).tracked);
    await link.beat();
    expect(await stored()).toEqual([ONE]);
    await keep(recordOf(aRemovedCall({ id: ONE, generation: 'r9' })));
    await link.beat();
    expect(await stored()).toEqual([]);
  });

  test('all slots are synced, if a visit found that Redis had lost calls', async () => {
    const { slots, link, know, stored, callsWrittenBack } = await aRecovery();
    know(ONE, TWO);
    await link.beat();
    expect(await stored()).toEqual([]);
    await slots.lose(3);
    expect(callsWrittenBack).toHaveBeenLastCalledWith(3);
    await link.beat();
    expect(await stored()).toEqual([ONE, TWO]);
    await server.flush();
    await link.beat();
    expect(await stored()).toEqual([]);
  });

  test('that cannot bring to Redis what it has to learn counts as not answered', async () => {
    const { link, keep, redis } = await aRecovery();
    await keep(recordOf(aCall({ id: ONE })));
    redis.disconnect();
    await expect(link.beat()).rejects.toThrow('Redis does not take the calls of this replica');
  });
});

test('when Redis is out the watch looks at once', async () => {
  const { link, lookSoon } = await aRecovery();
  await link.lose();
  expect(lookSoon).toHaveBeenCalledTimes(1);
});

test('a Redis that must not be used ends the replica, unless it alone knows something', async () => {
  const { link, keep, onFatal } = await aRecovery();
  await keep(recordOf(aCall({ id: ONE })));
  await link.refuse(new Error('evicts'));
  expect(onFatal).not.toHaveBeenCalled();
  const other = await aRecovery();
  await other.link.refuse(new Error('evicts'));
  expect(other.onFatal).toHaveBeenCalledTimes(1);
});

describe('a replica that stops', () => {
  test('has Redis take what it alone knows', async () => {
    const { recovery, keep, stored, registry, lines } = await aRecovery();
    await keep(recordOf(aCall({ id: ONE })));
    await recovery.saveLast(NO_LIMIT);
    expect([await stored(), registry.unacknowledged, lines.at(-1)]).toEqual([[ONE], 0, undefined]);
  });

  test('asks Redis once although its time is over', async () => {
    const { recovery, keep, stored, registry, lines } = await aRecovery({ comesBack: true });
    await keep(recordOf(aCall({ id: ONE })));
    await recovery.saveLast(AbortSignal.abort());
    expect([await stored(), registry.unacknowledged, lines]).toEqual([[ONE], 0, []]);
  });

  test('waits for a Redis that comes back, until it no longer counts as out', async () => {
    const { recovery, keep, setUp, stored, registry, lines } = await aRecovery({ comesBack: true });
    await keep(recordOf(aCall({ id: ONE })));
    setUp(false);
    const flush = vi.spyOn(registry, 'flush');
    const saved = recovery.saveLast(NO_LIMIT);
    await vi.waitFor(() => expect(flush).toHaveBeenCalled());
    setUp(true);
    await saved;
    expect([await stored(), registry.unacknowledged, lines]).toEqual([[ONE], 0, []]);
  });

  test('waits for a Redis that comes back, until it takes a write', async () => {
    const { recovery, keep, redis, stored, registry, lines } = await aRecovery({ comesBack: true });
    await keep(recordOf(aCall({ id: ONE })));
    const ended = once(redis, 'end');
    redis.disconnect();
    await ended;
    const flush = vi.spyOn(registry, 'flush');
    const saved = recovery.saveLast(NO_LIMIT);
    await vi.waitFor(() => expect(flush).toHaveBeenCalled());
    await redis.connect();
    await saved;
    expect([await stored(), registry.unacknowledged, lines]).toEqual([[ONE], 0, []]);
  });

  test('waits no longer than it may', async () => {
    const { recovery, keep, redis, lines } = await aRecovery({ comesBack: true });
    await keep(recordOf(aCall({ id: ONE })));
    redis.disconnect();
    const limit = new AbortController();
    const saved = recovery.saveLast(limit.signal);
    limit.abort();
    await saved;
    expect(lines).toEqual(['Redis is out: changes since then are lost when this replica stops']);
  });

  test('says so if Redis does not', async () => {
    const { recovery, keep, redis, lines } = await aRecovery();
    await recovery.saveLast(NO_LIMIT);
    expect(lines).toEqual([]);
    await keep(recordOf(aCall({ id: ONE })));
    redis.disconnect();
    await recovery.saveLast(NO_LIMIT);
    expect(lines).toEqual(['Redis is out: changes since then are lost when this replica stops']);
  });
});
