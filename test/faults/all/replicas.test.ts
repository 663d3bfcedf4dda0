import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { scenario } from '../scenario.ts';
import { DEADLINE_MS, until } from '../world.ts';

describe('no call passes its deadline when a replica', () => {
  scenario('is the only one, is killed, and another starts', { replicas: 1 }, async (world) => {
    await world.replica(0).kill();
    await world.startReplicas(1);
  });

  scenario('is stopped for longer than its locks last, and goes on', {}, async (world) => {
    const zombie = world.replica(0);
    zombie.freeze();
    await sleep(7_000);
    zombie.thaw();
  });

  scenario(
    'wakes up with a 404 for a call that has been tracked again meanwhile',
    { replicas: 1 },
    async (world) => {
      const { bot, simulator } = world;
      const [call] = bot.wanted;
      if (!call) throw new Error('no call');
      simulator.graphFaults.set({ kind: 'delay', delayMs: 1_000, callIds: [call.id] });
      bot.hangUp(call);
      const isAnswered = () => simulator.ledger.of(call.id).some(({ answer }) => answer === 404);
      await until('the call is asked for after its end', isAnswered);
      const zombie = world.replica(0);
      zombie.freeze();
      simulator.graphFaults.clear();
      const [other] = await world.startReplicas(1);
      simulator.createCall({ id: call.id });
      await bot.track(call.id, {}, other);
      await sleep(1_000);
      zombie.thaw();
      await sleep(1_500);
      const answer = await fetch(`${other?.url}/calls/${call.id}`);
      expect(await answer.json()).toMatchObject({ state: 'tracked' });
    },
  );

  scenario('cannot reach Graph, but another one can', { replicas: 1 }, async (world) => {
    // Nobody listens there.
    const env = { GRAPH_BASE_URL: 'http://127.0.0.1:9/v1.0' };
    const [blind] = await world.startReplicas(1, { env });
    await world.bot.startCalls(40, {}, blind);
    await sleep(2 * DEADLINE_MS);
  });

  scenario('gets no tokens, but another one does', { replicas: 1 }, async (world) => {
    const env = { AZURE_AUTHORITY_HOST: 'https://127.0.0.1:9' };
    const [without] = await world.startReplicas(1, { env });
    await world.bot.startCalls(40, {}, without);
    await sleep(2 * DEADLINE_MS);
  });

  scenario('has its event loop blocked', {}, async (world) => {
    world.replica(0).afflict('block 6000');
    await sleep(6_500);
  });

  scenario('and the other have their event loops blocked at once', {}, async (world) => {
    for (const replica of world.replicas) replica.afflict('block 4000');
    await sleep(4_500);
  });

  scenario(
    'runs out of memory',
    { env: { NODE_OPTIONS: '--max-old-space-size=128' } },
    async (world) => {
      world.replica(0).afflict('exhaust');
      await until('it is gone', () => world.replica(0).hasEnded, 60_000);
      await world.startReplicas(1);
    },
  );
});

describe('no call passes its deadline when replicas', () => {
  scenario('are scaled from one to three and back', { replicas: 1 }, async (world) => {
    await world.startReplicas(2);
    await sleep(4_500);
    await Promise.all([world.replica(0).stop(), world.replica(1).stop()]);
    expect([world.replica(0).exitCode, world.replica(1).exitCode]).toEqual([0, 0]);
  });

  scenario('are started ten at once', { replicas: 1, alone: true }, async (world) => {
    await world.startReplicas(10);
    await sleep(2_000);
    for (const replica of world.replicas.slice(1)) await replica.stop();
  });

  scenario(
    'are stopped while Redis is out, and what they alone knew is kept by others',
    { redisWasOut: true },
    async (world) => {
      await world.redis.kill();
      await sleep(3_000);
      const stopping = world.replica(0).stop();
      await sleep(1_000);
      await world.redis.run();
      await stopping;
    },
  );
});
