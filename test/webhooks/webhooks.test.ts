import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { EventType } from '../../src/calls/event.ts';
import { emptyOwner } from '../../src/calls/owner.ts';
import type { SettledClock } from '../../src/calls/ports.ts';
import { connectWorker } from '../../src/store/connection.ts';
import { RedisDeliveryOrder } from '../../src/store/delivery-order.ts';
import { Handover } from '../../src/store/handover.ts';
import { HANDOVER_KEY, QUEUE_PREFIX } from '../../src/store/keys.ts';
import { encodeOwner } from '../../src/store/owner-codec.ts';
import { jobIdOf } from '../../src/webhooks/delivery-queue.ts';
import type { DeliveryOutcome, OrderItem } from '../../src/webhooks/ports.ts';
import { type TargetRules, Targets } from '../../src/webhooks/targets.ts';
import { Webhooks } from '../../src/webhooks/webhooks.ts';
import { aCall, aRemovedCall, idIn, NOW } from '../calls/fixture.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { backdate, fast, publish, realClock, SOON, silent } from '../store/fixture.ts';
import { Receiver, SECRET } from './receiver.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const ID = idIn(3, 0);
const OTHER = idIn(3, 1);

async function aReceiver(): Promise<Receiver> {
  const receiver = await new Receiver().start();
  onTestFinished(() => receiver.stop());
  return receiver;
}

function aGate() {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  return { opened, open };
}

const to = (url: string, secrets = async () => [SECRET]) => ({ url, secrets });

interface Over {
  readonly targets?: Partial<Pick<Targets, 'of' | 'hasWebhook'>>;
  readonly forMs?: number;
  readonly timeoutMs?: number;
  readonly capMs?: number;
  /** Of the first worker alone. */
  readonly url?: string;
  readonly clock?: SettledClock;
  /** Runs before a worker learns which delivery of a call is the first. */
  readonly first?: (item: OrderItem | null) => Promise<void>;
}

/** One replica's webhooks, which look for events all the time. */
async function someWebhooks(over: Over = {}) {
  const { targets, forMs = 60_000, timeoutMs = 5_000, capMs = 100, url, clock = realClock } = over;
  const urls = url === undefined ? [] : [url];
  const redis = await fast(server);
  const replica = randomUUID();
  const order = new RedisDeliveryOrder(redis);
  const first = order.first.bind(order);
  order.first = async (callId) => {
    const item = await first(callId);
    await over.first?.(item);
    return item;
  };
  const attempts: DeliveryOutcome[] = [];
  const webhooks = new Webhooks({
    redis,
    connectWorker: () =>
      connectWorker({ url: urls.pop() ?? server.url, timeoutMs: 5_000, log: silent }, 10_000),
    prefix: QUEUE_PREFIX,
    group: new Handover({ redis, replica, holdMs: 1_000 }),
    order,
    targets: {
      hasWebhook: ({ webhookUrl }) => webhookUrl !== null,
      of: ({ webhookUrl }) => to(webhookUrl ?? ''),
      ...targets,
    },
    render: ({ id, type, ...about }) => JSON.stringify({ id, type: `call.${type}`, ...about }),
    changed: (signal) => realClock.sleep(20, signal),
    isUp: () => true,
    lookMs: 20,
    lockMs: 1_000,
    retry: { firstMs: 20, capMs, forMs },
    allowPrivate: true,
    timeoutMs,
    userAgent: 'callkeeper/1.2.3',
    clock,
    random: Math.random,
    log: silent,
    onAttempt: (outcome) => attempts.push(outcome),
  });
  onTestFinished(() => webhooks.stop(AbortSignal.timeout(1_000)));
  webhooks.start();
  const count = (outcome: DeliveryOutcome) => attempts.filter((one) => one === outcome).length;
  return { webhooks, attempts, count };
}

let words = 0;

/** Hands an event over, each under a name of its own; gives the name. */
async function tell(
  type: EventType,
  webhookUrl: string | null,
  id = ID,
  at = Date.now(),
): Promise<string> {
  const over = { id, webhookUrl, generation: `r${++words}` };
  const isRemoval = type === 'ended' || type === 'expired' || type === 'untracked';
  const call = isRemoval ? aRemovedCall({ ...over, state: type }) : aCall(over);
  await publish(server, type, call, { key: HANDOVER_KEY, at });
  return `${id}/${over.generation}/${type}`;
}

async function keysLeft(): Promise<string[]> {
  const keys = await server.client.keys('*');
  return keys.filter((key) => /deliveries|webhooks:\d/.test(key));
}

test('secrets that cannot be read cost an attempt, and not the event', async () => {
  const receiver = await aReceiver();
  let reads = 0;
  const secrets = async () => {
    if (reads++ === 0) throw new Error('EACCES');
    return [SECRET];
  };
  const { attempts } = await someWebhooks({
    targets: { of: ({ webhookUrl }) => to(webhookUrl ?? '', secrets) },
  });
  await tell('ended', `${receiver.url}/hook`);
  await vi.waitFor(() => expect(attempts).toEqual(['failed', 'delivered']), SOON);
  expect(receiver.forged).toEqual([]);
});

const jobKey = (id: string) => `${QUEUE_PREFIX}:webhooks:${jobIdOf(id)}`;

test('an event takes little room in Redis, however often it fails and however long the reason is', async () => {
  const secrets = async () => {
    throw new Error('x'.repeat(100_000));
  };
  const { count } = await someWebhooks({ targets: { of: () => to('http://127.0.0.1/', secrets) } });
  const id = await tell('ended', 'http://127.0.0.1/');
  await vi.waitFor(() => expect(count('failed')).toBeGreaterThan(10), SOON);
  const { data = '', ...rest } = await server.client.hgetall(jobKey(id));
  expect(data.length).toBeGreaterThan(0);
  expect(JSON.stringify(rest).length).toBeLessThan(2_000);
});

test('an event is delivered at its turn, even if that comes while its job is being delayed', async () => {
  const receiver = await aReceiver();
  const [posting, mayPost, behind, mayGoOn] = [aGate(), aGate(), aGate(), aGate()];
  const secrets = async () => {
    posting.open();
    await mayPost.opened;
    return [SECRET];
  };
  const minutesAgo = Date.now() - 120_000; // or it would look again within seconds
  let firstId = '';
  await someWebhooks({
    forMs: 600_000,
    targets: { of: () => to(receiver.url, secrets) },
    first: async (item) => {
      if (item?.jobId !== jobIdOf(firstId)) return;
      behind.open();
      await mayGoOn.opened;
    },
  });
  const id = await tell('at-risk', receiver.url, ID, minutesAgo);
  await posting.opened;
  firstId = id;
  await tell('ended', receiver.url, ID, minutesAgo);
  await behind.opened;
  mayPost.open();
  await expect.poll(() => server.client.exists(jobKey(id)), SOON).toBe(0);
  mayGoOn.open();
  await vi.waitFor(
    () => expect(receiver.typesOf(ID)).toEqual(['call.at-risk', 'call.ended']),
    SOON,
  );
});

test('a worker that takes no deliveries though there are some is replaced', async () => {
  const receiver = await aReceiver();
  // It waits in an empty database for what stands in another.
  const { attempts } = await someWebhooks({ url: `${server.url}/1` });
  await tell('ended', `${receiver.url}/hook`);
  await vi.waitFor(() => expect(attempts).toEqual(['delivered']), SOON);
});

test('a clock that is days ahead for a while makes no delivery be given up', async () => {
  const receiver = await aReceiver();
  const clock = { ...realClock, now: () => Date.now() + 2 * 24 * 3_600_000 };
  const { attempts } = await someWebhooks({ clock });
  await tell('ended', `${receiver.url}/hook`);
  await vi.waitFor(() => expect(attempts).toEqual(['delivered']), SOON);
});

test('the lapse of an owner is sent to the webhook of its app', async () => {
  const receiver = await aReceiver();
  const { count } = await someWebhooks({
    targets: { hasWebhook: () => true, of: ({ app }) => to(`${receiver.url}/${app}`) },
  });
  const lease = { after: 0, renewedAt: NOW, leaseMs: 90_000 };
  const lapse = { renewedAt: NOW, at: NOW + 90_000 };
  const owner = { ...emptyOwner('bot-7@other'), lease, lapse };
  for (const type of ['owner.lapsed', 'owner.renewed']) {
    const fields = ['type', type, 'name', `bot-7@other/${NOW}/${type}`, 'at', `${Date.now()}`];
    const record = ['id', owner.id, 'record', encodeOwner(owner)];
    await server.client.xadd(HANDOVER_KEY, '*', ...fields, ...record);
  }
  await vi.waitFor(() => expect(count('delivered')).toBe(2), SOON);
  expect(receiver.told.map(({ path, id }) => [path, id])).toEqual([
    ['/other', `bot-7@other/${NOW}/owner.lapsed`],
    ['/other', `bot-7@other/${NOW}/owner.renewed`],
  ]);
  expect(receiver.forged).toEqual([]);
});

describe('the webhook of a call', () => {
  test('gets each event in order, and nothing is left in Redis', async () => {
    const receiver = await aReceiver();
    const { count } = await someWebhooks();
    await tell('tracked', receiver.url);
    const types = ['at-risk', 'recovered', 'at-risk', 'expired'] as const;
    const ids: string[] = [];
    for (const type of types) ids.push(await tell(type, receiver.url));
    await tell('ended', null, OTHER);
    await vi.waitFor(() => expect(count('delivered')).toBe(4), SOON);
    expect(receiver.told.map(({ event }) => event.type)).toEqual(types.map((t) => `call.${t}`));
    expect(receiver.told.map(({ id }) => id)).toEqual(ids);
    expect(receiver.told.map(({ event }) => event.id)).toEqual(ids);
    expect(receiver.forged).toEqual([]);
    await vi.waitFor(async () => expect(await keysLeft()).toEqual([]), SOON);
  });

  test('gets an event again until it accepts it, and only then the next one', async () => {
    const receiver = await aReceiver();
    let failures = 3;
    receiver.answer = ({ event }) => (event.call.id === ID && failures-- > 0 ? 500 : 204);
    const { count } = await someWebhooks();
    for (const type of ['at-risk', 'recovered', 'ended'] as const) await tell(type, receiver.url);
    await tell('ended', receiver.url, OTHER);
    await vi.waitFor(() => expect(count('delivered')).toBe(4), SOON);
    const types = receiver.told.filter(({ event }) => event.call.id === ID);
    expect(types.map(({ event }) => event.type)).toEqual([
      ...Array.from({ length: 4 }, () => 'call.at-risk'),
      'call.recovered',
      'call.ended',
    ]);
    expect(new Set(types.slice(0, 4).map(({ id }) => id)).size).toBe(1);
    expect(count('failed')).toBe(3);
  });

  test('gets no event again before its Retry-After', async () => {
    const receiver = await aReceiver();
    receiver.retryAfter = 1;
    const toldAt: number[] = [];
    receiver.answer = () => (toldAt.push(performance.now()) === 1 ? 503 : 204);
    const { count } = await someWebhooks({ capMs: 60_000 });
    await tell('ended', receiver.url);
    await vi.waitFor(() => expect(count('delivered')).toBe(1), SOON);
    const [first = 0, again = 0] = toldAt;
    expect(again - first).toBeGreaterThan(900); // with a firstMs of 20
  });

  test('gets nothing more after a 410, while others do', async () => {
    const receiver = await aReceiver();
    receiver.answer = ({ path }) => (path === '/gone' ? 410 : 204);
    const { count } = await someWebhooks();
    await tell('at-risk', `${receiver.url}/gone`);
    await vi.waitFor(() => expect(count('gone')).toBe(1), SOON);
    await tell('ended', `${receiver.url}/gone`);
    await tell('ended', `${receiver.url}/here`, OTHER);
    await vi.waitFor(() => expect([count('gone'), count('delivered')]).toEqual([2, 1]), SOON);
    expect(receiver.told.map(({ path }) => path).sort()).toEqual(['/gone', '/here']);
  });

  test('that hangs delays no other, and gets the event when it recovers', async () => {
    const [hanging, receiver] = [await aReceiver(), await aReceiver()];
    hanging.answer = () => null;
    const { count } = await someWebhooks({ timeoutMs: 500 });
    const hung = Array.from({ length: 100 }, (_, i) => idIn(5, i));
    for (const id of hung) await tell('ended', hanging.url, id);
    await vi.waitFor(() => expect(hanging.told.length).toBeGreaterThan(0), SOON);
    for (let i = 0; i < 10; i++) await tell('ended', receiver.url, idIn(6, i));
    await vi.waitFor(() => expect(count('delivered')).toBe(10), SOON);
    hanging.answer = () => 200;
    await vi.waitFor(() => {
      for (const id of hung) expect(hanging.typesOf(id)).toEqual(['call.ended']);
      expect(count('delivered')).toBe(110);
    }, SOON);
  });

  test('gets nothing while its host is not allowed, and no event that is too old', async () => {
    const receiver = await aReceiver();
    const { count } = await someWebhooks({
      forMs: 2_000,
      targets: {
        of: ({ webhookUrl: url }) => (url?.endsWith('/no') ? { fault: 'no' } : to(url ?? '')),
      },
    });
    receiver.answer = () => 500;
    await tell('ended', `${receiver.url}/no`);
    await tell('ended', receiver.url, OTHER);
    await vi.waitFor(() => expect(count('given_up')).toBe(2), SOON);
    expect(receiver.told.every(({ path }) => path === '/')).toBe(true);
    expect(count('failed')).toBeGreaterThan(0);
    await vi.waitFor(async () => expect(await keysLeft()).toEqual([]), SOON);
  });

  test('gets events from the others when a replica stops or dies', async () => {
    const receiver = await aReceiver();
    const first = await someWebhooks();
    await tell('at-risk', receiver.url);
    await vi.waitFor(() => expect(first.count('delivered')).toBe(1), SOON);
    const second = await someWebhooks();
    await first.webhooks.stop(AbortSignal.timeout(5_000));
    await tell('ended', receiver.url);
    await vi.waitFor(() => expect(second.count('delivered')).toBe(1), SOON);
    expect(receiver.typesOf(ID)).toEqual(['call.at-risk', 'call.ended']);
  });

  test('gets events when Redis is back, even if it comes back empty', async () => {
    const receiver = await aReceiver();
    await someWebhooks();
    // This counts no deliveries: Redis may be killed before it has recorded the first one.
    const had = (...types: string[]) =>
      vi.waitFor(() => expect(receiver.typesOf(ID)).toEqual(types), SOON);
    await tell('at-risk', receiver.url);
    await had('call.at-risk');
    await server.kill();
    await server.restart();
    await tell('recovered', receiver.url);
    await had('call.at-risk', 'call.recovered');
    await server.flush();
    await tell('ended', receiver.url);
    await had('call.at-risk', 'call.recovered', 'call.ended');
  });
});

const DOWN = 'http://127.0.0.1:1/';
const NO_RULES: TargetRules = {
  hosts: [],
  defaultUrl: null,
  secrets: [SECRET],
  apps: () => new Map(),
};
const app = (url: string | null) => () =>
  new Map([['default', { webhook: url === null ? null : to(url) }]]);

describe('an event that waits is delivered', () => {
  test.each<[string, (url: string) => [own: boolean, before: object, after: object]]>([
    [
      'when its app gets another webhook',
      (url) => [false, { apps: app(DOWN) }, { apps: app(url) }],
    ],
    ['when its app comes back', (url) => [false, {}, { apps: app(url) }]],
    [
      'when its app loses its webhook, to the default one',
      (url) => [false, { apps: app(DOWN) }, { apps: app(null), defaultUrl: url }],
    ],
    [
      'when the default webhook changes',
      (url) => [false, { apps: app(null), defaultUrl: DOWN }, { apps: app(null), defaultUrl: url }],
    ],
    [
      'when its own webhook is allowed again',
      (url) => [true, { apps: app(null) }, { apps: app(null), defaultUrl: url }],
    ],
  ])('%s', async (_, change) => {
    const receiver = await aReceiver();
    const [isOwn, before, after] = change(receiver.url);
    let targets = new Targets({ ...NO_RULES, ...before });
    const { count } = await someWebhooks({
      targets: {
        hasWebhook: (about) => targets.hasWebhook(about),
        of: (about) => targets.of(about),
      },
    });
    const id = await tell('ended', isOwn ? receiver.url : null);
    await vi.waitFor(() => expect(count('failed')).toBeGreaterThan(1), SOON);
    expect(receiver.told).toEqual([]);
    targets = new Targets({ ...NO_RULES, ...after });
    await vi.waitFor(() => expect(count('delivered')).toBe(1), SOON);
    expect(receiver.told).toMatchObject([{ event: { id } }]);
  });
});

describe('webhooks that are switched on', () => {
  test('for the first time deliver nothing from before', async () => {
    const receiver = await aReceiver();
    for (const type of ['ended', 'expired', 'at-risk'] as const) {
      await tell(type, `${receiver.url}/hook`);
    }
    await backdate(server.client, HANDOVER_KEY);
    await someWebhooks();
    await expect.poll(() => server.client.xlen(HANDOVER_KEY)).toBe(0);
    const fresh = await tell('ended', `${receiver.url}/hook`);
    await vi.waitFor(() => expect(receiver.told).toHaveLength(1), SOON);
    expect(receiver.told).toMatchObject([{ event: { id: fresh } }]);
  });

  test('again within a day deliver what happened meanwhile', async () => {
    const receiver = await aReceiver();
    const { webhooks } = await someWebhooks();
    const first = await tell('at-risk', `${receiver.url}/hook`);
    await vi.waitFor(() => expect(receiver.told).toHaveLength(1), SOON);
    await webhooks.stop(AbortSignal.timeout(1_000));
    const meanwhile = await tell('ended', `${receiver.url}/hook`);
    await someWebhooks();
    await vi.waitFor(() => expect(receiver.told).toHaveLength(2), SOON);
    expect(receiver.told).toMatchObject([{ event: { id: first } }, { event: { id: meanwhile } }]);
  });
});
