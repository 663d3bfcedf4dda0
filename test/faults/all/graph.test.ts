import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { BotCall } from '../bot.ts';
import { scenario } from '../scenario.ts';
import { DEADLINE_MS } from '../world.ts';

describe('no call passes its deadline when Graph', () => {
  scenario('is out until shortly before it', { calls: 200 }, async ({ simulator }) => {
    await simulator.graphDown();
    await sleep(6_800);
    await simulator.graphUp();
  });

  scenario(
    'is out until shortly before it, and then has room for the nearest first only',
    { calls: 300, replicas: 1, env: { GRAPH_CONNECTIONS: '4' }, alone: true },
    async ({ simulator }) => {
      await simulator.graphDown();
      await sleep(6_500);
      simulator.graphFaults.set({ kind: 'delay', delayMs: 36 });
      await simulator.graphUp();
      await sleep(5_000);
      simulator.graphFaults.clear();
    },
  );

  const aDate = () => new Date(Date.now() + 3_000).toUTCString();
  const waits = { long: '3', decimal: '2.128', dated: aDate, absurd: '999999999', negative: '-5' };
  for (const [kind, value] of Object.entries(waits)) {
    scenario(`throttles with a ${kind} Retry-After`, {}, async ({ simulator }) => {
      const retryAfter = typeof value === 'string' ? value : value();
      const headers = { 'retry-after': retryAfter };
      simulator.graphFaults.set({ kind: 'status', status: 429, headers, body: '{}' });
      await sleep(5_000);
      simulator.graphFaults.clear();
    });
  }

  scenario('fails half of the requests', { metricsEqualLedger: true }, async ({ simulator }) => {
    simulator.graphFaults.set({ kind: 'status', status: 500, share: 0.2 });
    simulator.graphFaults.set({ kind: 'status', status: 503, share: 0.2 });
    simulator.graphFaults.set({ kind: 'reset', share: 0.2 });
    await sleep(12_000);
    simulator.graphFaults.clear();
  });

  scenario('answers more slowly than the wheel turns', { calls: 300 }, async ({ simulator }) => {
    simulator.graphFaults.set({ kind: 'delay', delayMs: 1_000 });
    await sleep(10_000);
    simulator.graphFaults.clear();
  });

  // html404 is in ../promises.test.ts.
  for (const kind of ['hang', 'reset', 'cutBody', 'endlessBody', 'malformed'] as const) {
    scenario(`answers everything with ${kind} for a while`, {}, async ({ simulator }) => {
      simulator.graphFaults.set({ kind });
      await sleep(5_500);
      simulator.graphFaults.clear();
    });
  }

  const odd = {
    html200: 'a login page and 200',
    unknown404: '404 "page not found"',
    gateway404: "a gateway's 404",
  } as const;
  for (const kind of ['html200', 'unknown404', 'gateway404'] as const) {
    // The ledger counts no renewal and no ending of a call that it answered like this.
    const options = { metricsEqualLedger: true };
    scenario(`answers everything with ${odd[kind]} for a while`, options, async (world) => {
      world.simulator.graphFaults.set({ kind });
      await sleep(5_500);
      world.simulator.graphFaults.clear();
    });
  }

  scenario(
    'answers half of the requests with odd 404s, while others end',
    { calls: 120, metricsEqualLedger: true },
    async ({ simulator, bot }) => {
      simulator.graphFaults.set({ kind: 'unknown404', share: 0.25 });
      simulator.graphFaults.set({ kind: 'gateway404', share: 0.25 });
      for (const call of bot.wanted.slice(0, 20)) bot.hangUp(call);
      await sleep(10_000);
      simulator.graphFaults.clear();
    },
  );

  scenario('forbids, redirects and errs', {}, async ({ simulator }) => {
    for (const status of [302, 400, 403, 408]) {
      simulator.graphFaults.set({ kind: 'status', status, headers: { location: '/' } });
      await sleep(1_500);
      simulator.graphFaults.clear();
    }
  });
});

describe('an outage of Graph longer than the deadline', () => {
  const isOlder = (call: BotCall) => call.createdAt < outAt;
  let outAt = 0;
  scenario(
    'ends the calls it meets, each of which is published once, and none that come after it',
    { calls: 60, mayDie: isOlder },
    async ({ simulator, bot }) => {
      outAt = Date.now();
      await simulator.graphDown();
      await sleep(DEADLINE_MS + 3_000);
      await simulator.graphUp();
      await bot.startCalls(20);
      expect(bot.wanted.length).toBe(80);
    },
  );
});

describe('a tenant whose every request hangs', () => {
  const tenantId = '33333333-3333-4333-8333-333333333333';
  const failing = new Set<string>();
  scenario(
    'does not starve the others',
    { calls: 80, env: { GRAPH_CONNECTIONS: '8' }, mayDie: ({ id }) => failing.has(id) },
    async ({ simulator, bot }) => {
      const calls = await bot.startCalls(150, { tenantId });
      for (const { id } of calls) failing.add(id);
      simulator.graphFaults.set({ kind: 'hang', callIds: [...failing] });
      await sleep(DEADLINE_MS + 4_000);
      simulator.graphFaults.clear();
    },
  );
});
