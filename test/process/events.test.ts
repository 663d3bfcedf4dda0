import { expect, onTestFinished, test, vi } from 'vitest';
import { EventClient } from '../http/event-client.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { World } from './world.ts';

const redis = redisForFile();
const PATIENCE = { timeout: 60_000, interval: 100 };

test('a stream has the events of any replica, even after a replica ended or Redis was out', {
  timeout: 120_000,
}, async () => {
  const world = await new World().start();
  onTestFinished(() => world.stop());
  const env = { REDIS_URL: redis.url };
  const [a, b] = await Promise.all([world.replica(env).ready(), world.replica(env).ready()]);
  const followed = await EventClient.open(`${a.url}/events?label=bot%3Decho`);
  await vi.waitFor(() => expect(followed.frames).toHaveLength(1), PATIENCE);
  const told = (client: EventClient, id: string) =>
    client.events.filter(({ data }) => data.call?.id === id).map(({ event }) => event);
  const track = async (replica: typeof a, labels: object) => {
    const id = world.simulator.createCall();
    await vi.waitFor(async () => {
      const { status } = await replica.request('POST', `/calls/${id}/track`, { labels });
      expect([200, 201]).toContain(status);
    }, PATIENCE);
    return id;
  };

  const ending = await track(b, { bot: 'echo' });
  const other = await track(b, { bot: 'another' });
  await vi.waitFor(() => expect(told(followed, ending)).toEqual(['call.tracked']), PATIENCE);
  await redis.kill();
  await redis.restart();
  world.simulator.endCall(ending);
  const heard = ['call.tracked', 'call.ended'];
  await vi.waitFor(() => expect(told(followed, ending)).toEqual(heard), PATIENCE);
  // When the end is published, only one of them may know a renewal that Redis missed.
  const { renewedAt, neverRenewed, deadlineAt, ...call } = followed.events.at(-1)?.data.call ?? {};
  // The other one answers from memory until it has reached Redis again.
  const known = () => b.request('GET', `/calls/${ending}`).then(({ body }) => body);
  await expect.poll(known).toMatchObject({ ...call, state: 'ended' });

  expect(await a.stop()).toBe(0);
  await followed.ended;
  await b.request('DELETE', `/calls/${other}/track`);
  const last = await track(b, { bot: 'echo' });
  const resumed = await EventClient.open(`${b.url}/events`, {
    'last-event-id': followed.lastEventId,
  });
  await vi.waitFor(() => expect(told(resumed, last)).toEqual(['call.tracked']), PATIENCE);
  expect(told(resumed, other)).toContain('call.untracked');
  expect(told(resumed, ending)).toEqual([]);
  expect(resumed.events.filter(({ event }) => event === 'gap')).toEqual([]);
});
