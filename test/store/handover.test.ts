import { beforeEach, describe, expect, test } from 'vitest';
import { Handover } from '../../src/store/handover.ts';
import { EVENTS_KEY, HANDOVER_KEY, WEBHOOKS_ON_KEY } from '../../src/store/keys.ts';
import { encodeRecord } from '../../src/store/record-codec.ts';
import { aRemovedCall, recordOf } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { backdate, fast } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const textOf = (id: string) => encodeRecord(recordOf(aRemovedCall({ id })));

async function aHandover() {
  const redis = await fast(server);
  const [one, other] = ['one', 'other'].map(
    (replica) => new Handover({ redis, replica, holdMs: 10_000 }),
  ) as [Handover, Handover];
  const publish = (id: string, text: string) =>
    redis.xadd(HANDOVER_KEY, '*', 'type', 'ended', 'name', id, 'at', '1', 'id', id, 'record', text);
  return { redis, one, other, publish };
}

/** As a version of Callkeeper writes it that changed the form of records. */
const later = (text: string) => `2${text.slice(1)}`;

describe('the handover', () => {
  test('gives the events in their order, until they are acknowledged', async () => {
    const { one, publish } = await aHandover();
    for (const id of ['call-0001', 'call-0002']) await publish(id, textOf(id));
    const { places, events } = await one.take();
    expect(events.map(({ event }) => event.id)).toEqual(['call-0001', 'call-0002']);
    expect(await one.take()).toEqual({ places, events });
    await one.ack(places);
    expect((await one.take()).places).toEqual([]);
  });

  test('begins without events from before it was switched on', async () => {
    const { redis, one, other, publish } = await aHandover();
    await publish('call-0001', textOf('call-0001'));
    await publish('call-0002', later(textOf('call-0002')));
    await backdate(redis, HANDOVER_KEY);
    await one.begin(performance.now());
    expect(await redis.xlen(HANDOVER_KEY)).toBe(0);
    const place = await publish('call-0003', textOf('call-0003'));
    // A second replica, or one that starts again, finds it on.
    await other.begin(performance.now());
    await one.begin(performance.now());
    expect((await one.take()).places).toEqual([place]);
  });

  test('begins with the events since it was switched on, although Redis answers only now', async () => {
    const { one, publish } = await aHandover();
    const place = await publish('call-0001', textOf('call-0001'));
    await one.begin(performance.now() - 60_000);
    expect((await one.take()).places).toEqual([place]);
  });

  test('is on for a day after the last replica with webhooks', async () => {
    const { redis, one, publish } = await aHandover();
    await one.begin(performance.now());
    expect(await redis.ttl(WEBHOOKS_ON_KEY)).toBeGreaterThan(86_000);
    await redis.expire(WEBHOOKS_ON_KEY, 60);
    expect(await one.hold()).toBe(true);
    expect(await redis.ttl(WEBHOOKS_ON_KEY)).toBeGreaterThan(86_000);
    await redis.del(WEBHOOKS_ON_KEY); // it has expired
    await publish('call-0001', textOf('call-0001'));
    await backdate(redis, HANDOVER_KEY);
    await one.begin(performance.now());
    expect((await one.take()).places).toEqual([]);
  });

  test('is held by one replica at a time', async () => {
    const { one, other } = await aHandover();
    expect(await one.hold()).toBe(true);
    expect(await one.hold()).toBe(true);
    expect(await other.hold()).toBe(false);
    await one.release();
    expect(await other.hold()).toBe(true);
  });

  test('has what nobody can read acknowledged with the rest', async () => {
    const { redis, one, publish } = await aHandover();
    await publish('call-0001', '1 not a record');
    const { places, events } = await one.take();
    expect(events).toEqual([]);
    await one.ack(places);
    expect(await redis.xlen(HANDOVER_KEY)).toBe(0);
  });

  test('leaves what a later version wrote to that version, and goes on with the rest', async () => {
    const { redis, one, other, publish } = await aHandover();
    // More than are taken at once.
    for (let i = 0; i < 250; i++) await publish('call-0001', later(textOf('call-0001')));
    await publish('call-0002', textOf('call-0002'));
    expect(await one.hold()).toBe(true);
    const { places, events } = await one.take();
    expect(events.map(({ event }) => event.id)).toEqual(['call-0002']);
    expect(await other.hold()).toBe(false); // or it would take the same
    await one.ack(places);
    expect((await one.take()).places).toEqual([]);
    expect(await redis.xlen(HANDOVER_KEY)).toBe(250);
    expect(await other.hold()).toBe(true);
  });

  test('takes each event once, and again what a dead replica had taken, before what is new', async () => {
    const { one, other, publish } = await aHandover();
    const text = textOf('call-0001');
    const places: (string | null)[] = [];
    for (let i = 0; i < 250; i++) places.push(await publish('call-0001', text));
    expect((await one.take()).places).toEqual(places.slice(0, 100));
    places.push(await publish('call-0001', text));
    const taken: string[] = [];
    for (let { places } = await other.take(); places.length > 0; { places } = await other.take()) {
      taken.push(...places);
      await other.ack(places);
    }
    expect(taken).toEqual(places);
  });

  test('loses nothing when the stream of events is trimmed', async () => {
    const { redis, one, publish } = await aHandover();
    await publish('call-0001', textOf('call-0001'));
    await redis.xadd(EVENTS_KEY, '*', 'type', 'ended');
    await redis.xtrim(EVENTS_KEY, 'MAXLEN', 0);
    expect((await one.take()).events).toHaveLength(1);
  });

  test('goes on with what comes after Redis has lost its data', async () => {
    const { one, publish } = await aHandover();
    await publish('call-0001', textOf('call-0001'));
    const { places } = await one.take();
    await server.flush();
    await one.ack(places);
    expect((await one.take()).places).toEqual([]);
    const place = await publish('call-0002', textOf('call-0002'));
    expect((await one.take()).places).toEqual([place]);
  });
});
