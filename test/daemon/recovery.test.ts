import { pino } from 'pino';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { GoneCall } from '../../src/calls/call.ts';
import { Recovery } from '../../src/daemon/recovery.ts';
import { Emitter } from '../../src/store/emitter.ts';
import { slotKeys } from '../../src/store/keys.ts';
import type { LinkEvents, RedisLink } from '../../src/store/redis-link.ts';
import { aCall, aGoneCall, idIn, NOW, WHEEL } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { aRedisStore, aRoster } from '../store/fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const [ONE, TWO] = [idIn(3), idIn(5)];
const CLOCK = { now: () => NOW + 60_000, sleep: async () => undefined };

class FakeLink extends Emitter<LinkEvents> {
  recover = () => this.emit('recovered', { isFirst: false });
  beat = () => this.emit('beat', undefined);
  lose = () => this.emit('lost', null);
  refuse = (error: Error) => this.emit('refused', error);
}

async function aRecovery() {
  const { redis, store } = await aRedisStore(server);
  const roster = aRoster();
  const removed: GoneCall[] = [];
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const follow = vi.fn<() => Promise<void>>(async () => undefined);
  const lookSoon = vi.fn<() => void>();
  const callsWrittenBack = vi.fn<(count: number) => void>();
  const onFatal = vi.fn<(error: Error) => void>();
  const recovery = new Recovery({
    store,
    roster,
    feed: { follow },
    watch: { lookSoon },
    observer: { removed: (call) => void removed.push(call) },
    metrics: { callsWrittenBack },
    wheel: WHEEL,
    replica: 'one',
    clock: CLOCK,
    log,
    onFatal,
  });
  const link = new FakeLink();
  recovery.follow(link as unknown as RedisLink);
  const stored = async () => {
    const found = await store.find([ONE, TWO]);
    return found.flatMap((entry) => entry?.call.id ?? []);
  };
  const parts = { follow, lookSoon, callsWrittenBack, onFatal };
  return { recovery, link, redis, roster, stored, removed, lines, ...parts };
}

describe('when Redis is back', () => {
  test('the replica follows the events, then writes back what Redis has lost', async () => {
    const { link, roster, stored, follow, lookSoon, callsWrittenBack } = await aRecovery();
    for (const id of [ONE, TWO]) roster.put(aCall({ id }));
    follow.mockImplementationOnce(async () => expect(await stored()).toEqual([]));
    await link.recover();
    expect(follow).toHaveBeenCalledTimes(1);
    expect(await stored()).toEqual([ONE, TWO]);
    expect(callsWrittenBack).toHaveBeenCalledWith(2);
    expect(lookSoon).toHaveBeenCalledTimes(1);
  });

  test('a stop that only this replica knew is written, and published once', async () => {
    const { link, roster, removed } = await aRecovery();
    const gone = aGoneCall({ id: ONE });
    roster.remove(gone);
    roster.keep(ONE);
    await link.recover();
    await link.recover();
    expect(removed.map(({ id }) => id)).toEqual([ONE]);
    expect(roster.hasUnsaved).toBe(false);
  });

  test('it does not count as back while the events or the slots cannot be read', async () => {
    const { link, redis, follow } = await aRecovery();
    follow.mockRejectedValueOnce(new Error('no stream'));
    await expect(link.recover()).rejects.toThrow('no stream');
    redis.disconnect();
    await expect(link.recover()).rejects.toThrow();
  });
});

describe('with a heartbeat', () => {
  test('only the slots with something unacknowledged are synced', async () => {
    const { link, roster, stored } = await aRecovery();
    for (const id of [ONE, TWO]) roster.put(aCall({ id }));
    await link.recover();
    await server.client.del(slotKeys(5, WHEEL.slots).calls);
    await link.beat();
    expect(await stored()).toEqual([ONE]);
    roster.remove(aGoneCall({ id: ONE, registration: 'r9' }));
    roster.keep(ONE);
    await link.beat();
    expect(await stored()).toEqual([]);
  });

  test('all slots are synced if a call was missing in one of them', async () => {
    const { link, roster, stored } = await aRecovery();
    for (const id of [ONE, TWO]) roster.put(aCall({ id }));
    await link.recover();
    await server.client.del(slotKeys(3, WHEEL.slots).calls, slotKeys(5, WHEEL.slots).calls);
    roster.keep(ONE);
    await link.beat();
    expect(await stored()).toEqual([ONE, TWO]);
  });
});

test('when Redis is out the watch looks at once', async () => {
  const { link, lookSoon } = await aRecovery();
  await link.lose();
  expect(lookSoon).toHaveBeenCalledTimes(1);
});

test('a Redis that must not be used ends the replica, unless it alone knows something', async () => {
  const { link, roster, onFatal } = await aRecovery();
  roster.keep(ONE);
  await link.refuse(new Error('evicts'));
  expect(onFatal).not.toHaveBeenCalled();
  const other = await aRecovery();
  await other.link.refuse(new Error('evicts'));
  expect(other.onFatal).toHaveBeenCalledTimes(1);
});

describe('a replica that stops', () => {
  test('writes to Redis what only it knows', async () => {
    const { recovery, roster, stored, lines } = await aRecovery();
    roster.put(aCall({ id: ONE }));
    roster.keep(ONE);
    await recovery.saveLast();
    expect([await stored(), roster.hasUnsaved, lines.at(-1)]).toEqual([[ONE], false, undefined]);
  });

  test('says so if Redis does not take it', async () => {
    const { recovery, roster, redis, lines } = await aRecovery();
    await recovery.saveLast();
    expect(lines).toEqual([]);
    roster.put(aCall({ id: ONE }));
    roster.keep(ONE);
    redis.disconnect();
    await recovery.saveLast();
    expect(lines).toEqual([
      'Redis is out: what was tracked or stopped meanwhile is lost with this replica',
    ]);
  });
});
