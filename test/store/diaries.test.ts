import { beforeEach, expect, test, vi } from 'vitest';
import { Diary } from '../../src/overview/diary.ts';
import { incidentsOf } from '../../src/overview/history.ts';
import { Diaries } from '../../src/store/diaries.ts';
import { Emitter } from '../../src/store/emitter.ts';
import { DIARIES_KEY, REPLICAS_KEY } from '../../src/store/keys.ts';
import type { LinkEvents, RedisLink } from '../../src/store/redis-link.ts';
import { aCall, anError, DEADLINE_MS, MINUTE, NOW, WHEEL } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { countTurns, fast } from './fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const RENEWED = { kind: 'renewed', sentAt: NOW } as const;
const FAILED = { kind: 'failed', sentAt: NOW, error: anError({ status: 500 }) } as const;
const DAY = 24 * 60 * MINUTE;

/** A link whose events the test emits. */
class Link extends Emitter<LinkEvents> {
  override emit<K extends keyof LinkEvents>(event: K, value: LinkEvents[K]): Promise<void> {
    return super.emit(event, value);
  }

  get asLink(): RedisLink {
    return this as unknown as RedisLink;
  }
}

/** A replica that is known to be alive, over a clock of the test's own. */
async function aReplica(replica: string, at = NOW) {
  const time = { now: at };
  const redis = await fast(server);
  await server.client.zadd(REPLICAS_KEY, 1, replica);
  const diary = new Diary({
    replica,
    version: '1.0.0',
    wheel: WHEEL,
    deadlineMs: DEADLINE_MS,
    clock: { now: () => time.now },
  });
  const log = { debug: vi.fn() };
  const timing = vi.fn((_: string) => ({ ...aCall(), failedAt: NOW }));
  const page = () => diary.page([]);
  const options = { redis, replica, diary, slots: { timing }, log };
  return { time, diary, page, timing, log, diaries: new Diaries(options) };
}

test('a replica reads what the others have written', async () => {
  const [a, b] = [await aReplica('a'), await aReplica('b')];
  b.diary.attempted(aCall(), RENEWED);
  await b.diaries.exchange();
  await a.diaries.exchange();
  const { own, others, alive } = await a.diaries.pages();
  expect(own.replica).toBe('a');
  expect(others).toEqual([b.page()]);
  expect(alive).toEqual(new Set(['a', 'b']));
});

test('the page of a replica that died survives it, and says when it was last there', async () => {
  const [a, b] = [await aReplica('a'), await aReplica('b')];
  b.diary.attempted(aCall(), RENEWED);
  await b.diaries.exchange();
  await server.client.zrem(REPLICAS_KEY, 'b');
  a.time.now += MINUTE;
  await a.diaries.exchange();
  expect((await a.diaries.pages()).others).toMatchObject([
    { replica: 'b', cells: [{ app: 'default' }] },
  ]);
  const gone = async () => incidentsOf(await a.diaries.pages(), null, a.time.now);
  expect(await gone()).toEqual([{ kind: 'replica', from: NOW, replica: 'b' }]);
  a.time.now += DAY;
  await a.diaries.exchange();
  expect(await gone()).toEqual([]);
  expect(await server.client.hkeys(DIARIES_KEY)).toEqual(['a']);
});

test('counts why calls fail once for all who ask at a time, and yields to the event loop', async () => {
  const a = await aReplica('a');
  const calls = 20_000;
  for (let i = 0; i < calls; i++) a.diary.attempted(aCall({ id: `call-${i}` }), FAILED);
  const turns = countTurns();
  const exchanged = a.diaries.exchange();
  const [one, two] = await Promise.all([a.diaries.pages(), a.diaries.pages()]);
  expect(turns()).toBeGreaterThan(2);
  await exchanged;
  expect(one.own.causes).toMatchObject([{ calls }]);
  expect(two.own.causes).toEqual(one.own.causes);
  expect(a.timing).toHaveBeenCalledTimes(calls);
});

test('what else a page says is not counted, and so is never old', async () => {
  const a = await aReplica('a');
  await a.diaries.pages();
  a.diary.redisLost(null);
  expect((await a.diaries.pages()).own.incidents).toMatchObject([{ kind: 'redis', until: null }]);
});

test('a replica that was stopped did not go away', async () => {
  const [a, b] = [await aReplica('a'), await aReplica('b')];
  await b.diaries.stop();
  await server.client.zrem(REPLICAS_KEY, 'b');
  await a.diaries.exchange();
  expect(incidentsOf(await a.diaries.pages(), null, NOW)).toEqual([]);
});

test('a Redis that lost its data gets back the pages', async () => {
  const [a, b] = [await aReplica('a'), await aReplica('b')];
  b.diary.attempted(aCall(), RENEWED);
  await b.diaries.exchange();
  await server.flush();
  await b.diaries.exchange();
  await a.diaries.exchange();
  expect((await a.diaries.pages()).others).toHaveLength(1);
});

test('a Redis that lost its data gets back the page of a replica that is gone, for a day', async () => {
  const [a, b] = [await aReplica('a'), await aReplica('b')];
  b.diary.attempted(aCall(), RENEWED);
  await b.diaries.exchange();
  await a.diaries.exchange();
  await server.client.del(DIARIES_KEY);
  a.time.now += MINUTE;
  await a.diaries.exchange();
  const c = await aReplica('c', a.time.now);
  await c.diaries.exchange();
  expect((await c.diaries.pages()).others).toContainEqual(b.page());
  await server.client.del(DIARIES_KEY);
  a.time.now += DAY;
  await a.diaries.exchange();
  expect(await server.client.hkeys(DIARIES_KEY)).toEqual(['a']);
});

test('the pages of a replica that crashes over and over are bounded', async () => {
  const a = await aReplica('a', NOW + 60);
  for (let i = 0; i < 60; i++) {
    const diary = new Diary({
      replica: `crashed-${i}`,
      version: '1',
      wheel: WHEEL,
      deadlineMs: DEADLINE_MS,
      clock: { now: () => NOW + i },
    });
    const page = diary.page([]);
    await server.client.hset(DIARIES_KEY, page.replica, JSON.stringify(page));
  }
  await a.diaries.exchange();
  expect(await server.client.hlen(DIARIES_KEY)).toBe(50);
  expect(await server.client.hexists(DIARIES_KEY, 'crashed-0')).toBe(0);
  expect(await server.client.hexists(DIARIES_KEY, 'crashed-59')).toBe(1);
});

test.each(['', 'nonsense', 'null', '[1]', '{"at":"x"}', '{"replica":"c","at":1}'])(
  'what is not a page (%j) is skipped; its replica is alive all the same',
  async (text) => {
    const a = await aReplica('a');
    await aReplica('b');
    await server.client.hset(DIARIES_KEY, 'b', text);
    await a.diaries.exchange();
    expect(await a.diaries.pages()).toMatchObject({ others: [], alive: new Set(['a', 'b']) });
  },
);

test('follows the link: outages are written down, each heartbeat exchanges', async () => {
  const a = await aReplica('a');
  const link = new Link();
  a.diaries.follow(link.asLink);
  await link.emit('lost', { code: 'OOM', what: 'Redis is out of memory', fix: '' });
  expect(a.page().incidents).toMatchObject([{ cause: 'Redis is out of memory', until: null }]);
  await link.emit('recovered', { isFirst: false });
  await link.emit('beat', undefined);
  expect(a.page().incidents).toMatchObject([{ until: NOW }]);
  expect(await server.client.hkeys(DIARIES_KEY)).toEqual(['a']);
});

test('a heartbeat does not fail because of the diaries', async () => {
  const a = await aReplica('a');
  const link = new Link();
  a.diaries.follow(link.asLink);
  await server.client.set(DIARIES_KEY, 'of another type');
  await link.emit('beat', undefined);
  expect(a.log.debug).toHaveBeenCalledTimes(1);
});
