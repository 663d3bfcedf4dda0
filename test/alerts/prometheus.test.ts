import { expect, onTestFinished, test, vi } from 'vitest';
import type { Replica } from '../process/replica.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { queries } from './dashboard.ts';
import { Prometheus } from './prometheus.ts';

const redis = redisForFile();
const PATIENCE = { timeout: 60_000, interval: 200 };
const SLOW = { timeout: 180_000 };

/** Six calls of a replica, with a deadline that leaves time to see each alert before it. */
async function scraped(): Promise<{ world: World; replica: Replica; prometheus: Prometheus }> {
  await redis.flush();
  const world = await new World({ deadlineMs: 60_000 }).start();
  onTestFinished(() => world.stop());
  const replica = await world
    .replica({ REDIS_URL: redis.url, KEEPALIVE_INTERVAL: '4s', KEEPALIVE_DEADLINE: '30s' })
    .ready();
  const prometheus = new Prometheus();
  onTestFinished(() => prometheus.stop());
  await prometheus.start(new URL(replica.url).host);
  for (let call = 0; call < 6; call++) {
    const id = world.simulator.createCall();
    await track(replica, id);
  }
  await vi.waitFor(
    async () =>
      expect(
        await replica.metric('callkeeper_keepalives_total{outcome="renewed"}'),
      ).toBeGreaterThan(5),
    PATIENCE,
  );
  return { world, replica, prometheus };
}

/**
 * Resolves when Redis has the call too. On a loaded machine Redis may answer later than a replica
 * with so short an interval waits: the answer is then 202, and a heartbeat writes the call.
 */
async function track(replica: Replica, id: string): Promise<void> {
  const { status } = await replica.request('POST', `/calls/${id}/track`);
  expect([201, 202]).toContain(status);
  await vi.waitFor(async () => {
    const { body } = await replica.request('GET', `/calls/${id}`);
    expect(body).toMatchObject({ state: 'tracked', durable: true });
  }, PATIENCE);
}

/** What the dashboard asks and has no answer to. That no replica has started is as it should be. */
async function unanswered(prometheus: Prometheus): Promise<string[]> {
  const asked = queries().filter(({ title }) => title !== 'annotation');
  const counts = await Promise.all(asked.map(({ expr }) => prometheus.count(expr)));
  return asked
    .filter((_, index) => counts[index] === 0)
    .map(({ title, expr }) => `${title}: ${expr}`);
}

/** Of a fleet of one this is true all the time. */
const ALONE = ['CallkeeperOneReplica'];

test(
  'the dashboard shows all it has; with Graph out alerts fire before a call is lost, and end when it is back',
  SLOW,
  async () => {
    const { world, replica, prometheus } = await scraped();
    await vi.waitFor(async () => expect(await prometheus.firing()).toEqual(ALONE), PATIENCE);

    await vi.waitFor(async () => expect(await unanswered(prometheus)).toEqual([]), PATIENCE);

    await world.simulator.graphDown();
    const early = [
      'CallkeeperCallsFailing',
      'CallkeeperGraphFailing',
      'CallkeeperMostCallsFailing',
    ];
    await vi.waitFor(
      async () => expect(await prometheus.firing()).toEqual(expect.arrayContaining(early)),
      PATIENCE,
    );
    const late = ['CallkeeperCallsAtRisk', 'CallkeeperMarginFalling'];
    await vi.waitFor(
      async () => expect(await prometheus.firing()).toEqual(expect.arrayContaining(late)),
      PATIENCE,
    );

    await world.simulator.graphUp();
    // Rates over the last minutes, such as the share of failures, take as long to end.
    const ending = [...early, ...late].filter((alert) => alert !== 'CallkeeperGraphFailing');
    await vi.waitFor(async () => {
      const firing = await prometheus.firing();
      expect(ending.filter((alert) => firing.includes(alert))).toEqual([]);
    }, PATIENCE);
    expect(await replica.metric('callkeeper_calls_removed_total{reason="expired"}')).toBe(0);
  },
);

test('with Redis out, and then with no replica, an alert says so', SLOW, async () => {
  const { replica, prometheus } = await scraped();
  // It looks back ten minutes, and some calls may be late while memory takes over from Redis.
  const firing = async () =>
    (await prometheus.firing()).filter((alert) => alert !== 'CallkeeperLate');
  redis.freeze();
  await vi.waitFor(async () => expect(await firing()).toContain('CallkeeperRedisOut'), PATIENCE);
  redis.thaw();
  await vi.waitFor(async () => expect(await firing()).toEqual(ALONE), PATIENCE);

  await replica.stop();
  await vi.waitFor(
    async () => expect(await firing()).toEqual(['CallkeeperNoReplica', 'CallkeeperReplicaDown']),
    PATIENCE,
  );
});
