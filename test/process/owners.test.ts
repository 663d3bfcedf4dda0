import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Link } from '../faults/link.ts';
import { redisForFile } from '../redis/redis-server.ts';
import type { Replica } from './replica.ts';
import { World } from './world.ts';

const redis = redisForFile();
beforeEach(() => redis.flush());
const PATIENCE = { timeout: 60_000, interval: 100 };
const SLOW = { timeout: 150_000 };

/** The shortest lease that is allowed. */
const LEASE_S = 10;
const GRACE = { OWNER_GRACE: '2s' };

async function aWorld(options: { deadlineMs?: number } = {}): Promise<World> {
  const world = await new World(options).start();
  onTestFinished(() => world.stop());
  return world;
}

/** Tracks calls for an owner. */
async function track(world: World, replica: Replica, owner: string | null, count = 5) {
  const ids = Array.from({ length: count }, () => world.simulator.createCall());
  await replica.request('POST', '/calls/track', { calls: ids.map((id) => ({ id, owner })) });
  return ids;
}

const renew = (replica: Replica, owner: string) =>
  replica.request('PUT', `/owners/${owner}`, { leaseSeconds: LEASE_S });

/** Renews the lease as a bot does, until the test is over or the returned function is called. */
function keepRenewing(replica: Replica, owner: string): () => void {
  const over = new AbortController();
  onTestFinished(() => over.abort());
  void (async () => {
    while (!over.signal.aborted) {
      await renew(replica, owner).catch(() => undefined);
      await sleep(2_000, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  return () => over.abort();
}

async function calls(replica: Replica, ids: readonly string[]) {
  const answers = await Promise.all(ids.map((id) => replica.request('GET', `/calls/${id}`)));
  return answers.map(({ body }) => body);
}

const states = async (replica: Replica, ids: readonly string[]) =>
  [...new Set((await calls(replica, ids)).map(({ state, reason }) => reason ?? state))].join();

async function link(url: string) {
  const made = await Link.to(Number(new URL(url).port));
  onTestFinished(() => made.refuse());
  const through = new URL(url);
  through.port = String(made.port);
  return { link: made, url: through.href };
}

describe('the calls of an owner', () => {
  test(
    'are stopped when it stops renewing its lease, and those of others go on',
    SLOW,
    async () => {
      const world = await aWorld();
      const replicas = [1, 2].map(() => world.replica({ REDIS_URL: redis.url, ...GRACE }));
      const [one, two] = (await Promise.all(replicas.map((each) => each.ready()))) as [
        Replica,
        Replica,
      ];
      keepRenewing(two, 'bot-alive');
      await renew(one, 'bot-dead');
      const dead = await track(world, one, 'bot-dead');
      const alive = await track(world, one, 'bot-alive');
      const leaseless = await track(world, two, 'bot-without-lease');
      const nobodys = await track(world, two, null);
      const { body } = await one.request('GET', '/owners/bot-dead');
      expect(body).toMatchObject({ state: 'active', tracked: 5, leaseSeconds: LEASE_S });

      await vi.waitFor(async () => expect(await states(two, dead)).toBe('owner-lost'), PATIENCE);
      const [stopped] = await calls(two, dead);
      expect(stopped).toMatchObject({ state: 'untracked', reason: 'owner-lost' });
      expect(await states(two, [...alive, ...leaseless, ...nobodys])).toBe('tracked');
      const lost = async () => (await two.request('GET', '/owners/bot-dead')).body;
      const gone = { state: 'lost', tracked: 0 };
      await vi.waitFor(async () => expect(await lost()).toMatchObject(gone), PATIENCE);
      // The other replica learns of it by the events.
      const listed = async () => (await one.request('GET', '/owners')).body;
      const left = {
        owners: [
          { owner: 'bot-alive', state: 'active', tracked: 5 },
          { owner: 'bot-without-lease', state: 'none', tracked: 5, leaseUntil: null },
        ],
        next: null,
      };
      await vi.waitFor(async () => expect(await listed()).toMatchObject(left), PATIENCE);
      const lapses = [one, two].flatMap(({ log }) =>
        log.filter(({ event }) => event === 'owner-lapsed'),
      );
      expect(lapses.map(({ owner }) => owner)).toEqual(['bot-dead']);
    },
  );

  test('go on if it renews its lease within the grace', SLOW, async () => {
    const world = await aWorld();
    const replica = await world.replica({ REDIS_URL: redis.url, OWNER_GRACE: '1h' }).ready();
    await renew(replica, 'bot-late');
    const ids = await track(world, replica, 'bot-late');
    const owner = async () => (await replica.request('GET', '/owners/bot-late')).body;
    await vi.waitFor(
      async () => expect(await owner()).toMatchObject({ state: 'lapsed' }),
      PATIENCE,
    );
    await renew(replica, 'bot-late');
    expect(await owner()).toMatchObject({ state: 'active', tracked: 5 });
    expect(await states(replica, ids)).toBe('tracked');
    expect(replica.log.filter(({ event }) => event === 'owner-renewed')).toHaveLength(1);
  });

  test('are not stopped because Redis was out, or the replica hung', SLOW, async () => {
    const world = await aWorld({ deadlineMs: 60_000 });
    const toRedis = await link(redis.url);
    const patient = { ...GRACE, KEEPALIVE_DEADLINE: '60s' };
    const replica = await world.replica({ REDIS_URL: toRedis.url, ...patient }).ready();
    await renew(replica, 'bot-patient');
    const ids = await track(world, replica, 'bot-patient');
    await toRedis.link.refuse();
    await sleep((LEASE_S + 4) * 1_000);
    expect((await renew(replica, 'bot-patient')).status).toBe(202);
    await toRedis.link.accept();
    await vi.waitFor(
      async () => expect((await replica.request('GET', '/readyz')).status).toBe(200),
      PATIENCE,
    );
    expect(await states(replica, ids)).toBe('tracked');
    replica.signal('SIGSTOP');
    await sleep((LEASE_S + 4) * 1_000);
    replica.signal('SIGCONT');
    await vi.waitFor(
      async () => expect((await replica.request('GET', '/readyz')).status).toBe(200),
      PATIENCE,
    );
    expect(await states(replica, ids)).toBe('tracked');
    // Redis and the replica are back, but the bot still does not renew its lease.
    await vi.waitFor(async () => expect(await states(replica, ids)).toBe('owner-lost'), PATIENCE);
  });

  test(
    'are stopped by another replica if the one that expires leases is killed',
    SLOW,
    async () => {
      const world = await aWorld();
      const replicas = [1, 2].map(() => world.replica({ REDIS_URL: redis.url, ...GRACE }));
      const [first, second] = (await Promise.all(replicas.map((each) => each.ready()))) as [
        Replica,
        Replica,
      ];
      await renew(first, 'bot-dead');
      const ids = await track(world, first, 'bot-dead');
      const hasExpired = ({ log }: Replica) => log.some(({ event }) => event === 'owner-lapsed');
      const holder = await vi.waitUntil(() => [first, second].find(hasExpired), PATIENCE);
      const other = holder === first ? second : first;
      holder?.signal('SIGKILL');
      await vi.waitFor(async () => expect(await states(other, ids)).toBe('owner-lost'), PATIENCE);
    },
  );

  test('go on if a replica that was cut off had accepted its renewals', SLOW, async () => {
    const world = await aWorld();
    const toRedis = await link(redis.url);
    const connected = await world.replica({ REDIS_URL: redis.url, ...GRACE }).ready();
    const cutOff = await world.replica({ REDIS_URL: toRedis.url, ...GRACE }).ready();
    const stopRenewing = keepRenewing(cutOff, 'bot-heard');
    const ids = await track(world, connected, 'bot-heard');
    await vi.waitFor(async () => expect(await states(cutOff, ids)).toBe('tracked'), PATIENCE);
    await toRedis.link.refuse();
    await vi.waitFor(async () => expect(await states(connected, ids)).toBe('owner-lost'), PATIENCE);
    expect(await states(cutOff, ids)).toBe('tracked');
    await toRedis.link.accept();
    for (const replica of [connected, cutOff]) {
      await vi.waitFor(async () => expect(await states(replica, ids)).toBe('tracked'), PATIENCE);
    }
    const alive = world.simulator.summary().filter(({ endedAt }) => endedAt === null);
    expect(alive).toHaveLength(ids.length);
    stopRenewing();
  });
});

test(
  'a lapse is written back to a Redis that lost its data, and the calls are stopped',
  SLOW,
  async () => {
    const world = await aWorld();
    const replica = await world.replica({ REDIS_URL: redis.url, OWNER_GRACE: '8s' }).ready();
    await renew(replica, 'bot-dead');
    const ids = await track(world, replica, 'bot-dead');
    const isLapsed = () => replica.log.some(({ event }) => event === 'owner-lapsed');
    await vi.waitFor(() => expect(isLapsed()).toBe(true), PATIENCE);
    await redis.flush();
    const owners = async () => await redis.client.keys('*owners:*:tracked');
    await vi.waitFor(async () => expect(await owners()).toHaveLength(1), PATIENCE);
    await vi.waitFor(async () => expect(await states(replica, ids)).toBe('owner-lost'), PATIENCE);
  },
);

test('an owner that is dropped loses its calls and its lease at once', SLOW, async () => {
  const world = await aWorld();
  const replica = await world.replica({ REDIS_URL: redis.url, ...GRACE }).ready();
  await renew(replica, 'bot-done');
  const ids = await track(world, replica, 'bot-done', 600);
  const others = await track(world, replica, 'bot-other');
  const dropped = await replica.request('DELETE', '/owners/bot-done');
  expect(dropped).toMatchObject({ status: 200, body: { stopped: 600 } });
  expect(await states(replica, ids)).toBe('request');
  expect(await states(replica, others)).toBe('tracked');
  expect((await replica.request('GET', '/owners/bot-done')).status).toBe(404);
  const again = await replica.request('DELETE', '/owners/bot-done');
  expect(again).toMatchObject({ status: 200, body: { stopped: 0 } });
});
