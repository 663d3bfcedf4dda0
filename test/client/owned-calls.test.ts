import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { Callkeeper, type EventItem } from '../../src/client/index.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';

const redis = redisForFile();
beforeEach(() => redis.flush());
const PATIENCE = { timeout: 60_000, interval: 200 };

/** A replica, and a bot that can be cut off from it. */
async function aBot() {
  const world = await new World().start();
  onTestFinished(() => world.stop());
  const env = { REDIS_URL: redis.url, OWNER_GRACE: '2s' };
  const { url: baseUrl } = await world.replica(env).ready();
  let isCutOff = false;
  const bot = new Callkeeper({
    baseUrl,
    fetch: (...args) => (isCutOff ? Promise.reject(new Error('cut off')) : fetch(...args)),
  });
  const cutOff = (value: boolean) => {
    isCutOff = value;
  };
  return { bot, cutOff, operator: new Callkeeper({ baseUrl }), world };
}

/** Collects what happens to owners, until the test is over. */
function ownerEvents(callkeeper: Callkeeper): string[] {
  const types: string[] = [];
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const note = (item: EventItem) => {
    if (item.kind !== 'event' || !item.event.owner) return;
    types.push(`${item.event.type} ${item.event.owner.owner}`);
  };
  void (async () => {
    for await (const item of callkeeper.events({}, { signal: over.signal })) note(item);
  })().catch(() => undefined); // the signal's reason
  return types;
}

test('a bot that was cut off tracks its calls again, and stops them when it shuts down', {
  timeout: 150_000,
}, async () => {
  const { bot, cutOff, operator, world } = await aBot();
  const events = ownerEvents(operator);
  const calls = [{ id: world.simulator.createCall() }, { id: world.simulator.createCall() }];
  const onError = vi.fn();
  const onLost = vi.fn(() => void owner.trackAll(calls));
  const owner = bot.owner('bot-7', { leaseSeconds: 10, onError, onLost });
  onTestFinished(async () => void (await owner.close()));
  await owner.trackAll(calls);
  const stopped = async () => {
    const found = await Promise.all(calls.map(({ id }) => operator.get(id)));
    return found.map((call) => call?.reason ?? call?.state);
  };
  await vi.waitFor(
    async () =>
      expect(await operator.getOwner('bot-7')).toMatchObject({ state: 'active', tracked: 2 }),
    PATIENCE,
  );

  cutOff(true);
  await vi.waitFor(
    async () => expect(await stopped()).toEqual(['owner-lost', 'owner-lost']),
    PATIENCE,
  );
  expect(onError).toHaveBeenCalled();
  expect(onLost).not.toHaveBeenCalled();
  cutOff(false);
  await vi.waitFor(async () => expect(await stopped()).toEqual(['tracked', 'tracked']), PATIENCE);
  expect(onLost).toHaveBeenCalledTimes(1);
  const owned: string[] = [];
  for await (const { id } of operator.list({ owner: 'bot-7' })) owned.push(id);
  expect(owned.toSorted()).toEqual(calls.map(({ id }) => id).toSorted());
  await vi.waitFor(() => expect(events).toEqual(['owner.lapsed bot-7']), PATIENCE);

  expect(await owner.close({ stopCalls: true })).toEqual({ stopped: 2 });
  expect(await stopped()).toEqual(['request', 'request']);
  expect(await operator.getOwner('bot-7')).toBeNull();
});

test('calls that another owner has taken over go on when the first one shuts down', {
  timeout: 60_000,
}, async () => {
  const { bot, world } = await aBot();
  const [id, taken] = [world.simulator.createCall(), world.simulator.createCall()];
  const old = bot.owner('bot-old', { leaseSeconds: 10 });
  const next = bot.owner('bot-new', { leaseSeconds: 10 });
  onTestFinished(async () => void (await Promise.all([old.close(), next.close()])));
  await old.trackAll([{ id }, { id: taken }]);
  await next.track(taken);
  expect(await old.close({ stopCalls: true })).toEqual({ stopped: 1 });
  expect(await bot.get(id)).toMatchObject({ state: 'untracked', reason: 'request' });
  expect(await bot.get(taken)).toMatchObject({ state: 'tracked', owner: 'bot-new' });
  const names: string[] = [];
  for await (const { owner } of bot.owners()) names.push(owner);
  expect(names).toEqual(['bot-new']);
  expect((await bot.untrackAll([id, taken, '..'])).map(({ status }) => status)).toEqual([
    204, 204, 400,
  ]);
});
