import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { slotOf, turnAtOrBefore } from '../../src/calls/wheel.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { World } from './world.ts';

const redis = redisForFile();
const PATIENCE = { timeout: 60_000, interval: 100 };
const SLOW = { timeout: 120_000 };

async function newWorld(options: SimulatorOptions = {}): Promise<World> {
  await redis.flush();
  const world = await new World(options).start();
  onTestFinished(() => world.stop());
  return world;
}

function posts(world: World, id: string, since = 0): number {
  return world.simulator.ledger.of(id).filter(({ at }) => at >= since).length;
}

test('a call is kept alive from its tracking on, and let go when it is stopped', SLOW, async () => {
  const world = await newWorld();
  const replica = await world.replica({ REDIS_URL: redis.url }).ready();
  const id = world.simulator.createCall();

  const tracked = await replica.request('POST', `/calls/${id}/track`, { labels: { bot: 'echo' } });
  // 202: Redis was slow, and learns of it later.
  expect([201, 202]).toContain(tracked.status);
  expect(tracked.body).toMatchObject({ id, state: 'tracked', durable: tracked.status === 201 });
  await replica.stored(id);
  await vi.waitFor(() => expect(posts(world, id)).toBeGreaterThanOrEqual(3), PATIENCE);
  expect((await replica.request('GET', `/calls/${id}`)).body.renewedAt).not.toBeNull();

  expect([204, 202]).toContain((await replica.request('DELETE', `/calls/${id}/track`)).status);
  const other = world.simulator.createCall();
  await replica.request('POST', `/calls/${other}/track`);
  // By then a request that was under way has arrived.
  await vi.waitFor(() => expect(posts(world, other)).toBeGreaterThanOrEqual(1), PATIENCE);
  const before = posts(world, id);
  // Two whole turns of the wheel, told by another call that goes on.
  await vi.waitFor(() => expect(posts(world, other)).toBeGreaterThanOrEqual(4), PATIENCE);
  expect(posts(world, id)).toBe(before);
  expect((await replica.request('GET', `/calls/${id}`)).body.state).toBe('untracked');
});

test('a call that Graph says is over is dropped and never asked for again', SLOW, async () => {
  const world = await newWorld();
  const replica = await world.replica({ REDIS_URL: redis.url }).ready();
  const id = world.simulator.createCall();
  await replica.request('POST', `/calls/${id}/track`);
  await vi.waitFor(() => expect(posts(world, id)).toBeGreaterThanOrEqual(1), PATIENCE);
  world.simulator.endCall(id);

  await replica.logged('call ended');
  const asked = posts(world, id);
  const other = world.simulator.createCall();
  await replica.request('POST', `/calls/${other}/track`);
  await vi.waitFor(() => expect(posts(world, other)).toBeGreaterThanOrEqual(4), PATIENCE);
  expect(posts(world, id)).toBe(asked);
  const requestId = expect.stringMatching(/^[0-9a-f-]{36}$/);
  const evidence = { status: 404, code: '8522', message: 'Call not found.', requestId };
  const line = replica.log.find(({ msg }) => msg === 'call ended');
  expect(line).toMatchObject({ call: id, error: evidence });
  // A replica that was not there knows as much.
  const second = await world.replica({ REDIS_URL: redis.url }).ready();
  for (const one of [replica, second]) {
    const { body } = await one.request('GET', `/calls/${id}`);
    expect(body).toMatchObject({ state: 'ended', lastError: evidence });
  }
});

test(
  'two replicas share the wheel: in a steady state no turn of a call is posted twice',
  SLOW,
  async () => {
    const wheel = { intervalMs: 16_000, slots: 256 };
    const world = await newWorld({ deadlineMs: 90_000 });
    const env = { REDIS_URL: redis.url, KEEPALIVE_INTERVAL: '16s', KEEPALIVE_DEADLINE: '90s' };
    const [a, b] = await Promise.all([world.replica(env).ready(), world.replica(env).ready()]);
    const ids = Array.from({ length: 100 }, () => world.simulator.createCall());
    await a.request('POST', '/calls/track', { calls: ids.map((id) => ({ id })) });
    const eachIsPosted = (times: number, since = 0) =>
      vi.waitFor(() => {
        for (const id of ids) expect(posts(world, id, since)).toBeGreaterThanOrEqual(times);
      }, PATIENCE);
    // The first keepAlive belongs to no turn. If it is late, its call is posted twice.
    await eachIsPosted(2);
    const steadyFrom = Date.now();
    await eachIsPosted(2, steadyFrom);

    // A turn may be so late that another replica makes up for it; then the log says so.
    const missed = new Set(
      [...a.log, ...b.log]
        .filter(({ msg }) => msg === 'a slot was not visited in its turn: the watch visits it')
        .map(({ slot, turnAt }) => `${slot} ${turnAt}`),
    );
    let seen = 0;
    for (const id of ids) {
      const slot = slotOf(id, wheel);
      const turns = world.simulator.ledger
        .of(id)
        .map(({ at }) => turnAtOrBefore(slot, at, wheel))
        .filter((turn) => turn > steadyFrom && !missed.has(`${slot} ${turn}`));
      expect(new Set(turns).size, `${id} in its turns ${turns}`).toBe(turns.length);
      seen += turns.length;
    }
    expect(seen).toBeGreaterThan(1.5 * ids.length);
    for (const replica of [a, b]) {
      expect(
        await replica.metric('callkeeper_keepalives_total{outcome="renewed"}'),
      ).toBeGreaterThan(0);
    }
  },
);

test(
  'replicas that start together share a long backlog, and send few calls twice',
  SLOW,
  async () => {
    const intervalMs = 20_000;
    const world = await newWorld({ deadlineMs: 150_000 });
    const env = {
      REDIS_URL: redis.url,
      KEEPALIVE_INTERVAL: `${intervalMs}ms`,
      KEEPALIVE_DEADLINE: '150s',
      GRAPH_CONNECTIONS: '16',
    };
    const before = await world.replica(env).ready();
    const ids = Array.from({ length: 1_500 }, () => world.simulator.createCall());
    for (const some of [ids.slice(0, 1_000), ids.slice(1_000)]) {
      await before.request('POST', '/calls/track', { calls: some.map((id) => ({ id })) });
    }
    await vi.waitFor(() => {
      for (const id of ids) expect(posts(world, id)).toBeGreaterThanOrEqual(1);
    }, PATIENCE);
    await before.stop();
    await sleep(intervalMs); // all are due

    // Each replica can send a hundred a second, so one alone needs 15 s.
    world.simulator.graphFaults.set({ kind: 'delay', delayMs: 160 });
    const since = Date.now();
    const replicas = await Promise.all([1, 2].map(() => world.replica(env).ready()));
    await vi.waitFor(() => {
      for (const id of ids) expect(posts(world, id, since)).toBeGreaterThanOrEqual(1);
    }, PATIENCE);
    const sent = ids.reduce((sum, id) => sum + posts(world, id, since), 0);
    expect(sent).toBeLessThan(1.5 * ids.length);
    for (const replica of replicas) {
      const renewed = await replica.metric('callkeeper_keepalives_total{outcome="renewed"}');
      expect(renewed).toBeGreaterThan(ids.length / 4);
    }
  },
);

test('a replica killed in the middle of a visit costs no call its deadline', SLOW, async () => {
  const world = await newWorld();
  const [a, b] = await Promise.all([
    world.replica({ REDIS_URL: redis.url }).ready(),
    world.replica({ REDIS_URL: redis.url }).ready(),
  ]);
  const ids = Array.from({ length: 200 }, () => world.simulator.createCall());
  await a.request('POST', '/calls/track', { calls: ids.map((id) => ({ id })) });
  await vi.waitFor(() => {
    for (const id of ids) expect(posts(world, id)).toBeGreaterThanOrEqual(1);
  }, PATIENCE);

  // Requests now take a while, so that the kill finds some under way.
  world.simulator.graphFaults.set({ kind: 'delay', delayMs: 300 });
  const underWay = world.simulator.ledger.keepAlives.length;
  await vi.waitFor(
    () => expect(world.simulator.ledger.keepAlives.length).toBeGreaterThan(underWay + 20),
    PATIENCE,
  );
  a.signal('SIGKILL');
  await a.exit();
  world.simulator.graphFaults.clear();

  const before = new Map(ids.map((id) => [id, posts(world, id)]));
  await vi.waitFor(() => {
    for (const id of ids)
      expect(posts(world, id)).toBeGreaterThanOrEqual((before.get(id) ?? 0) + 3);
  }, PATIENCE);
  const fates = world.simulator.summary().filter(({ id }) => ids.includes(id));
  expect(fates.filter(({ state }) => state !== 'established')).toEqual([]);
  expect(fates).toHaveLength(ids.length);
  expect((await b.request('GET', '/calls?limit=1000')).body.calls).toHaveLength(ids.length);
});

test(
  'a replica with another interval is refused while one lives, and takes over after',
  SLOW,
  async () => {
    const world = await newWorld({ deadlineMs: 45_000 });
    const deadline = { KEEPALIVE_DEADLINE: '45s' };
    const first = await world.replica({ REDIS_URL: redis.url, ...deadline }).ready();
    const ids = Array.from({ length: 20 }, () => world.simulator.createCall());
    await first.request('POST', '/calls/track', { calls: ids.map((id) => ({ id })) });

    const env = {
      ...deadline,
      REDIS_URL: redis.url,
      KEEPALIVE_INTERVAL: '5s',
    };
    const refused = world.replica(env);
    expect(await refused.exit()).toBe(1);
    expect(refused.output).toContain('keep calls alive every 4s on this Redis');

    expect(await first.stop()).toBe(0);
    const second = await world.replica(env).ready();
    expect((await second.request('GET', '/calls?limit=1000')).body.calls).toHaveLength(ids.length);
    const before = new Map(ids.map((id) => [id, posts(world, id)]));
    await vi.waitFor(() => {
      for (const id of ids)
        expect(posts(world, id)).toBeGreaterThanOrEqual((before.get(id) ?? 0) + 2);
    }, PATIENCE);
    expect(world.simulator.summary().every(({ state }) => state === 'established')).toBe(true);
  },
);

test(
  'a new call whose replica is killed right after the 201 gets its keepAlive from another',
  SLOW,
  async () => {
    const world = await newWorld();
    const [a, b] = await Promise.all([
      world.replica({ REDIS_URL: redis.url }).ready(),
      world.replica({ REDIS_URL: redis.url }).ready(),
    ]);
    const ids = Array.from({ length: 5 }, () => world.simulator.createCall());
    // No first keepAlive is answered.
    world.simulator.graphFaults.set({ kind: 'hang', callIds: ids });
    await Promise.all(ids.map((id) => a.request('POST', `/calls/${id}/track`)));
    await Promise.all(ids.map((id) => a.stored(id)));
    a.signal('SIGKILL');
    await a.exit();
    world.simulator.graphFaults.clear();

    await vi.waitFor(() => {
      const renewed = (id: string) =>
        world.simulator.ledger.of(id).filter(({ answer }) => answer === 200).length;
      for (const id of ids) expect(renewed(id)).toBeGreaterThanOrEqual(2);
    }, PATIENCE);
    const fates = world.simulator.summary().filter(({ id }) => ids.includes(id));
    expect(fates.map(({ state }) => state)).toEqual(ids.map(() => 'established'));
    expect((await b.request('GET', '/calls')).body.calls).toHaveLength(ids.length);
  },
);
