import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { Link } from '../faults/link.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { World } from './world.ts';

const redis = redisForFile();
beforeEach(() => redis.flush());
const PATIENCE = { timeout: 60_000, interval: 100 };
const SLOW = { timeout: 150_000 };

const portOf = (url: string) => Number(new URL(url).port);

/** The URL with the port of a link to the place that it names. */
async function linkTo(url: string) {
  const link = await Link.to(portOf(url));
  onTestFinished(() => link.refuse());
  const through = new URL(url);
  through.port = String(link.port);
  return { link, url: through.href };
}

test(
  'calls that a replica without Graph gives up are kept alive by one that was cut from Redis',
  SLOW,
  async () => {
    const world = await new World().start();
    onTestFinished(() => world.stop());
    const toGraph = await linkTo(world.simulator.graphBaseUrl);
    const toRedis = await linkTo(redis.url);
    const blind = world.replica({ REDIS_URL: redis.url, GRAPH_BASE_URL: toGraph.url });
    const lonely = world.replica({ REDIS_URL: toRedis.url });
    await Promise.all([blind.ready(), lonely.ready()]);
    const ids = Array.from({ length: 10 }, () => world.simulator.createCall());
    await blind.request('POST', '/calls/track', { calls: ids.map((id) => ({ id })) });
    const states = async (replica: typeof blind) => {
      const answers = await Promise.all(ids.map((id) => replica.request('GET', `/calls/${id}`)));
      return answers.map(({ body }) => body.state);
    };
    const all = (state: string) => ids.map(() => state);
    await vi.waitFor(async () => expect(await states(lonely)).toEqual(all('tracked')), PATIENCE);

    await Promise.all([toGraph.link.refuse(), toRedis.link.refuse()]);
    await vi.waitFor(async () => expect(await states(blind)).toEqual(all('expired')), PATIENCE);
    expect(world.simulator.summary().filter(({ endedAt }) => endedAt === null)).toHaveLength(10);

    await Promise.all([toGraph.link.accept(), toRedis.link.accept()]);
    await vi.waitFor(async () => {
      expect(await states(blind)).toEqual(all('tracked'));
      expect(await states(lonely)).toEqual(all('tracked'));
    }, PATIENCE);
    expect(world.simulator.summary().filter(({ endedAt }) => endedAt === null)).toHaveLength(10);
  },
);
