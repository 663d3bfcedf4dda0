import { beforeEach, describe, expect, test } from 'vitest';
import { encodeCall } from '../../src/store/codec.ts';
import { StreamedEventGroup } from '../../src/store/event-group.ts';
import { EVENTS_KEY, FORWARDING_KEY } from '../../src/store/keys.ts';
import { aCall, idIn } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const ID = idIn(3, 0);

async function aGroup(replica: string) {
  const missed: (number | null)[] = [];
  const group = new StreamedEventGroup({
    redis: await fast(server),
    replica,
    holdMs: 60_000,
    onMissed: (count) => missed.push(count),
  });
  return { group, missed };
}

async function tell(count: number): Promise<string[]> {
  const fields = ['type', 'tracked', 'id', ID, 'call', encodeCall(aCall({ id: ID }))];
  const places = [];
  for (let i = 0; i < count; i++) {
    places.push((await server.client.xadd(EVENTS_KEY, '*', ...fields)) ?? '');
  }
  return places;
}

async function takeAll(group: StreamedEventGroup): Promise<string[]> {
  const taken: string[] = [];
  for (;;) {
    const { places } = await group.take();
    if (places.length === 0) return taken;
    taken.push(...places);
    await group.ack(places);
  }
}

describe('the group of those who hand events on', () => {
  test('takes each event once, in order, those before its beginning too', async () => {
    const places = await tell(250);
    const { group, missed } = await aGroup('a');
    expect(await takeAll(group)).toEqual(places);
    expect(await takeAll(group)).toEqual([]);
    const later = await tell(2);
    expect((await group.take()).events.map(({ place }) => place)).toEqual(later);
    expect(missed).toEqual([]);
  });

  test('takes again what a dead replica had taken, before what is new', async () => {
    const places = await tell(250);
    const [{ group: a }, { group: b }] = [await aGroup('a'), await aGroup('b')];
    const taken = await a.take();
    expect(taken.places).toEqual(places.slice(0, 100));
    places.push(...(await tell(1)));
    expect(await takeAll(b)).toEqual(places);
  });

  test('takes again what could not be acknowledged, when it holds the lock anew', async () => {
    const places = await tell(2);
    const { group } = await aGroup('a');
    expect((await group.take()).places).toEqual(places);
    await server.client.set(FORWARDING_KEY, 'b');
    expect(await group.hold()).toBe(false);
    await server.client.del(FORWARDING_KEY);
    expect(await group.hold()).toBe(true);
    expect(await takeAll(group)).toEqual(places);
  });

  test('is held by one replica at a time, until that lets go', async () => {
    const [{ group: a }, { group: b }] = [await aGroup('a'), await aGroup('b')];
    expect([await a.hold(), await b.hold(), await a.hold()]).toEqual([true, false, true]);
    await b.release();
    expect(await b.hold()).toBe(false);
    await a.release();
    expect([await b.hold(), await a.hold()]).toEqual([true, false]);
    expect(await server.client.pttl(FORWARDING_KEY)).toBeGreaterThan(0);
  });

  test('is made again where Redis has lost it, and leaves nothing out', async () => {
    await tell(3);
    const { group, missed } = await aGroup('a');
    await takeAll(group);
    await server.flush();
    await expect(group.take()).rejects.toThrow();
    const places = await tell(2);
    expect(await takeAll(group)).toEqual(places);
    await server.client.xgroup('DESTROY', EVENTS_KEY, 'webhooks');
    expect(await takeAll(group)).toEqual(places);
    expect(missed).toEqual([]);
  });

  test('counts what was trimmed before it was taken', async () => {
    await tell(3);
    const { group, missed } = await aGroup('a');
    await takeAll(group);
    const places = await tell(20);
    await server.client.xtrim(EVENTS_KEY, 'MAXLEN', 5);
    expect(await takeAll(group)).toEqual(places.slice(-5));
    expect(missed).toEqual([15]);
  });

  test('does not count what was trimmed after it was taken', async () => {
    await tell(20);
    const { group, missed } = await aGroup('a');
    await takeAll(group);
    await server.client.xtrim(EVENTS_KEY, 'MAXLEN', 0);
    const places = await tell(2);
    expect(await takeAll(group)).toEqual(places);
    expect(missed).toEqual([]);
  });

  test('counts what was trimmed after it was taken by one that died', async () => {
    await tell(20);
    const [{ group: a }, { group: b, missed }] = [await aGroup('a'), await aGroup('b')];
    await a.take();
    await server.client.xtrim(EVENTS_KEY, 'MAXLEN', 5);
    expect(await takeAll(b)).toHaveLength(5);
    expect(missed).toEqual([15]);
  });
});
