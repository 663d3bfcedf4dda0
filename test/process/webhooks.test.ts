import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { createServerIdentity } from '../../src/simulator/certificate.ts';
import { WEBHOOKS_ON_KEY } from '../../src/store/keys.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { Receiver, SECRET } from '../webhooks/receiver.ts';
import { World } from './world.ts';

const redis = redisForFile();
beforeEach(() => redis.flush());
const PATIENCE = { timeout: 60_000, interval: 100 };
const SLOW = { timeout: 120_000 };

/** Microsoft and a receiver of webhooks over https, and what replicas have to know of both. */
async function newWorld() {
  const world = await new World().start();
  onTestFinished(() => world.stop());
  const identity = await createServerIdentity();
  appendFileSync(join(world.directory, 'ca.pem'), `\n${identity.ca}`);
  const receiver = await new Receiver(identity).start();
  onTestFinished(() => receiver.stop());
  const env = {
    REDIS_URL: redis.url,
    WEBHOOK_SECRETS: SECRET,
    WEBHOOK_HOSTS: '127.0.0.1',
    WEBHOOK_ALLOW_PRIVATE: 'true',
  };
  return { world, receiver, env };
}

test(
  'an ending is delivered although its replica is killed before the delivery',
  SLOW,
  async () => {
    const { world, receiver, env } = await newWorld();
    const a = await world.replica(env).ready();
    const id = world.simulator.createCall();
    const webhookUrl = `${receiver.url}/hook`;
    await a.request('POST', `/calls/${id}/track`, { webhookUrl, labels: { room: 'board' } });
    receiver.answer = () => null; // the replica that delivers now waits
    world.simulator.endCall(id);
    await vi.waitFor(() => expect(receiver.told).toHaveLength(1), PATIENCE);
    a.signal('SIGKILL');
    await a.exit();

    receiver.answer = () => 204;
    const b = await world.replica(env).ready();
    await vi.waitFor(() => expect(receiver.told.length).toBeGreaterThan(1), PATIENCE);
    const [first, again] = receiver.told;
    expect(again).toEqual(first); // by its id a repeat is recognised
    expect(again?.event).toMatchObject({ type: 'call.ended', call: { id, state: 'ended' } });
    expect(again?.event.call).toEqual((await b.request('GET', `/calls/${id}`)).body);
    expect(receiver.forged).toEqual([]);
    await vi.waitFor(async () => {
      const name = 'callkeeper_webhook_deliveries_total{outcome="delivered"}';
      expect(await b.metric(name)).toBe(1);
    }, PATIENCE);
  },
);

test(
  'each accepted stop is delivered although its replica is killed amid many stops',
  SLOW,
  async () => {
    const { world, receiver, env } = await newWorld();
    const [a, b] = await Promise.all([world.replica(env).ready(), world.replica(env).ready()]);
    const ids = Array.from({ length: 200 }, () => world.simulator.createCall());
    const calls = ids.map((id) => ({ id, webhookUrl: receiver.url }));
    await a.request('POST', '/calls/track', { calls });
    const stops = ids.map((id) =>
      a.request('DELETE', `/calls/${id}/track`).then(
        () => undefined,
        () => undefined, // it was killed meanwhile
      ),
    );
    await Promise.race(stops.slice(20));
    a.signal('SIGKILL');
    await Promise.all(stops);
    await a.exit();

    const untracked: string[] = [];
    for (const id of ids) {
      const { body } = await b.request('GET', `/calls/${id}`);
      if (body.state === 'untracked') untracked.push(id);
    }
    expect(untracked.length).toBeGreaterThan(0);
    await vi.waitFor(() => {
      for (const id of untracked) expect(receiver.typesOf(id)).toEqual(['call.untracked']);
    }, PATIENCE);
  },
);

test(
  'events at a replica without webhooks are delivered by the next replica that has them',
  SLOW,
  async () => {
    const { world, receiver, env } = await newWorld();
    const silent = await world.replica({ REDIS_URL: redis.url }).ready();
    const telling = await world.replica(env).ready();
    const id = world.simulator.createCall();
    const body = { webhookUrl: receiver.url };
    const refused = await silent.request('POST', `/calls/${id}/track`, body);
    expect(refused.status).toBe(400);
    expect(refused.body.errors).toEqual([
      { pointer: '/webhookUrl', detail: expect.stringContaining('127.0.0.1') },
    ]);
    expect((await telling.request('POST', `/calls/${id}/track`, body)).status).toBeLessThan(300);
    await telling.stored(id);
    // Until then webhooks are off, and what happens is not delivered later.
    await expect.poll(() => redis.client.exists(WEBHOOKS_ON_KEY)).toBe(1);
    telling.signal('SIGKILL');
    await telling.exit();
    expect((await silent.request('DELETE', `/calls/${id}/track`)).status).toBeLessThan(300);
    await world.replica(env).ready();
    await vi.waitFor(() => expect(receiver.typesOf(id)).toEqual(['call.untracked']), PATIENCE);
  },
);

test('webhooks that are switched on deliver nothing from before', SLOW, async () => {
  const { world, receiver, env } = await newWorld();
  const silent = await world.replica({ REDIS_URL: redis.url }).ready();
  const [before, after] = [world.simulator.createCall(), world.simulator.createCall()];
  for (const id of [before, after]) await silent.request('POST', `/calls/${id}/track`);
  expect((await silent.request('DELETE', `/calls/${before}/track`)).status).toBeLessThan(300);
  await silent.stored(before);
  await world.replica({ ...env, WEBHOOK_URL: receiver.url }).ready();
  // Also what a replica without webhooks writes from now on.
  expect((await silent.request('DELETE', `/calls/${after}/track`)).status).toBeLessThan(300);
  await vi.waitFor(() => expect(receiver.typesOf(after)).toEqual(['call.untracked']), PATIENCE);
  expect(receiver.typesOf(before)).toEqual([]);
});

test(
  'a receiver that hangs does not keep a replica from stopping; the next replica delivers to it',
  SLOW,
  async () => {
    const { world, receiver, env } = await newWorld();
    const a = await world.replica(env).ready();
    receiver.answer = () => null;
    const ids = Array.from({ length: 20 }, () => world.simulator.createCall());
    const calls = ids.map((id) => ({ id, webhookUrl: receiver.url }));
    await a.request('POST', '/calls/track', { calls });
    await Promise.all(ids.map((id) => a.request('DELETE', `/calls/${id}/track`)));
    await vi.waitFor(() => expect(receiver.told.length).toBeGreaterThan(1), PATIENCE);
    expect(await a.stop()).toBe(0);
    receiver.answer = () => 204;
    const b = await world.replica(env).ready();
    await vi.waitFor(async () => {
      const name = 'callkeeper_webhook_deliveries_total{outcome="delivered"}';
      expect(await b.metric(name)).toBe(ids.length);
    }, PATIENCE);
    for (const id of ids) expect(receiver.typesOf(id)).toEqual(['call.untracked']);
  },
);

test('each ending is delivered while fifteen thousand calls are tracked', SLOW, async () => {
  const { world, receiver, env } = await newWorld();
  const a = await world.replica(env).ready();
  const ids = Array.from({ length: 200 }, () => world.simulator.createCall());
  const calls = ids.map((id) => ({ id, webhookUrl: receiver.url }));
  await a.request('POST', '/calls/track', { calls });
  for (let batch = 0; batch < 15; batch++) {
    const more = Array.from({ length: 1_000 }, (_, i) => ({ id: `burst-${batch}-${i}` }));
    const stops = ids.slice(batch * 14, batch * 14 + 14);
    await Promise.all([
      a.request('POST', '/calls/track', { calls: more }),
      ...stops.map((id) => a.request('DELETE', `/calls/${id}/track`)),
    ]);
  }
  await vi.waitFor(() => {
    for (const id of ids) expect(receiver.typesOf(id)).toContain('call.untracked');
  }, PATIENCE);
});

test(
  'an ending that its receiver has not taken yet survives the loss of all data in Redis',
  SLOW,
  async () => {
    const { world, receiver, env } = await newWorld();
    const a = await world.replica(env).ready();
    const id = world.simulator.createCall();
    receiver.answer = () => 503;
    await a.request('POST', `/calls/${id}/track`, { webhookUrl: receiver.url });
    await a.request('DELETE', `/calls/${id}/track`);
    await vi.waitFor(() => expect(receiver.told.length).toBeGreaterThan(0), PATIENCE);
    await redis.flush();
    const before = receiver.told.length;
    receiver.answer = () => 204;
    await vi.waitFor(() => expect(receiver.told.length).toBeGreaterThan(before), PATIENCE);
    const [first, ...again] = receiver.told.map((one) => one.id);
    expect(new Set(again)).toEqual(new Set([first]));
  },
);
