import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { AnyReplica } from '../../src/demo/any-replica.ts';
import { Bots } from '../../src/demo/bots.ts';
import { PhoneSystem } from '../../src/demo/phone-system.ts';
import { PromisedCalls } from '../../src/demo/promised-calls.ts';
import { Simulator } from '../../src/simulator/simulator.ts';

interface Asked {
  readonly what: string;
  readonly body: unknown;
}

/**
 * Stands in for Callkeeper: accepts every request, except those that it is told to leave
 * unanswered.
 */
async function aReplica() {
  const asked: Asked[] = [];
  const silent = { to: '' };
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => null);
    if (body === null) return; // the bot has gone away
    const what = `${request.method} ${request.url}`;
    asked.push({ what, body: body === '' ? null : JSON.parse(body) });
    if (request.method !== silent.to) response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { asked, silent, url: `http://127.0.0.1:${port}` };
}

const LONG = 0.999;

async function twoBots(random: () => number = () => LONG) {
  const { asked, silent, url } = await aReplica();
  const simulator = new Simulator();
  const graph = new PhoneSystem(simulator);
  const promised = new PromisedCalls({ now: Date.now, gapMs: (id) => graph.worstGapMs(id) });
  const news: string[] = [];
  const bots = new Bots({
    names: ['bot-1', 'bot-2'],
    graph,
    callkeeper: new AnyReplica([url], random),
    promised,
    random,
    onHangUp: () => undefined,
    onNews: (bot, text) => news.push(`${bot} ${text}`),
  });
  onTestFinished(() => bots.stop());
  const by = (bot: string) => asked.filter((one) => JSON.stringify(one).includes(`"${bot}"`));
  const renewals = (bot: string) => asked.filter(({ what }) => what === `PUT /owners/${bot}`);
  const tracked = (bot: string) => by(bot).map(({ what }) => what.split('/')[2] ?? '');
  return { asked, silent, simulator, promised, bots, news, renewals, tracked };
}

test('each bot renews its lease before it tracks its share of the calls as their owner', async () => {
  const { asked, bots, promised, renewals, tracked } = await twoBots();
  bots.start();
  await expect.poll(() => promised.all.size).toBe(12);
  for (const bot of ['bot-1', 'bot-2']) {
    expect(tracked(bot)).toHaveLength(6);
    expect(renewals(bot)[0]?.body).toEqual({ leaseSeconds: 10 });
    const isFirst = ({ what, body }: Asked) => (what + JSON.stringify(body)).includes(bot);
    expect(asked.find(isFirst)?.what).toBe(`PUT /owners/${bot}`);
  }
  await expect.poll(() => renewals('bot-2').length).toBeGreaterThanOrEqual(3);
});

test('a bot that was killed sends nothing, while the other one goes on', async () => {
  const { bots, promised, renewals, news } = await twoBots();
  bots.start();
  await expect.poll(() => promised.all.size).toBe(12);
  bots.killOrStart();
  expect(news).toEqual(['bot-1 crashed: it no longer renews the lease of its 6 calls']);
  const before = renewals('bot-1').length;
  const others = renewals('bot-2').length;
  await expect.poll(() => renewals('bot-2').length).toBeGreaterThanOrEqual(others + 2);
  expect(renewals('bot-1')).toHaveLength(before);
});

test('a bot that is back renews its lease, then tracks the calls that are still alive', async () => {
  const { asked, bots, simulator, promised, tracked, news } = await twoBots();
  bots.start();
  await expect.poll(() => promised.all.size).toBe(12);
  const [over = '', ...alive] = tracked('bot-1');
  bots.killOrStart();
  simulator.endCall(over);
  const from = asked.length;
  bots.killOrStart();
  const ofBot1 = () =>
    asked
      .slice(from)
      .filter(({ what, body }) => `${what} ${JSON.stringify(body)}`.includes('bot-1'));
  await expect.poll(() => ofBot1().length).toBeGreaterThanOrEqual(2);
  const calls = alive.map((id) => ({ id, owner: 'bot-1' }));
  expect(ofBot1().slice(0, 2)).toEqual([
    { what: 'PUT /owners/bot-1', body: { leaseSeconds: 10 } },
    { what: 'POST /calls/track', body: { calls } },
  ]);
  expect(news.at(-1)).toBe(
    'bot-1 is back: Graph still has 5 of its 6 calls, which it tracks again',
  );
});

test('the next kill hits the other bot', async () => {
  const { bots, promised, news } = await twoBots();
  bots.start();
  await expect.poll(() => promised.all.size).toBe(12);
  for (let presses = 0; presses < 3; presses++) bots.killOrStart();
  expect(news.filter((line) => line.includes('crashed'))).toEqual([
    'bot-1 crashed: it no longer renews the lease of its 6 calls',
    'bot-2 crashed: it no longer renews the lease of its 6 calls',
  ]);
});

test('a call whose owner was lost may die if its bot is dead, and only then', async () => {
  const { bots, promised, tracked } = await twoBots();
  bots.start();
  await expect.poll(() => promised.all.size).toBe(12);
  bots.killOrStart();
  const [dead = '', again = ''] = tracked('bot-1');
  const [alive = ''] = tracked('bot-2');
  for (const id of [dead, again, alive]) bots.ownerLost(id);
  const releases = () => [dead, alive].map((id) => promised.all.get(id)?.releasedAt ?? null);
  expect(releases()).toEqual([expect.any(Number), null]);
  bots.killOrStart();
  await expect.poll(() => promised.all.get(again)?.againAt).toEqual(expect.any(Number));
});

test('a call may die if Callkeeper was asked to stop it just before its bot was killed', async () => {
  // Every call has the shortest duration, and the bot tells Callkeeper that it hangs up.
  const { asked, silent, bots, promised } = await twoBots(() => 0);
  silent.to = 'DELETE';
  bots.start();
  const asksToStop = () => asked.find(({ what }) => what.startsWith('DELETE'))?.what.split('/')[2];
  await expect.poll(asksToStop).toBeDefined();
  bots.killOrStart();
  const released = [...promised.all].filter(([, { releasedAt }]) => releasedAt !== null);
  expect(released.map(([id]) => id)).toContain(asksToStop());
});
