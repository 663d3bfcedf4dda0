import { beforeEach, describe, expect, test } from 'vitest';
import { expireLease, type OwnerRecord, ownerId } from '../../../src/calls/owner.ts';
import { MOST_OF_APP, MOST_OWNERS } from '../../../src/owners/lease-limit.ts';
import { Owners } from '../../../src/owners/owners.ts';
import { ownerKeys } from '../../../src/store/keys.ts';
import { LocalRegistry } from '../../../src/store/local-registry.ts';
import { OWNERS } from '../../../src/store/record-kind.ts';
import { RedisRegistry } from '../../../src/store/redis-registry.ts';
import { Registry } from '../../../src/store/registry.ts';
import { redisForFile } from '../../redis/redis-server.ts';
import { fast, realClock } from '../../store/fixture.ts';
import { aClient, anApp, identifyBy } from '../fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const SLOTS = 2;
const GRACE_MS = 600_000;
const DAY_MS = 86_400_000;

/** An app with owners in a real Redis. `calls` has the ids of each owner's calls. */
async function anOwnersApp(
  over: { leases?: Record<string, number>; keys?: Record<string, string[]>; apps?: string[] } = {},
) {
  const { leases = {}, apps = ['default', 'other'] } = over;

  const link = { up: true };
  const owned = new Map<string, string[]>();
  const stopped: string[] = [];
  const registry = new Registry<OwnerRecord>({
    kind: OWNERS,
    local: new LocalRegistry<OwnerRecord>({ kind: OWNERS, slots: SLOTS }),
    shared: new RedisRegistry({
      redis: await fast(server),
      slots: SLOTS,
      keysOf: ownerKeys,
      hasWebhooks: false,
    }),
    isUp: () => link.up,
    now: () => Date.now(),
    isStale: () => false,
    onAnnounced: () => undefined,
    onUnreadable: (id) => expect.unreachable(`${id} cannot be read`),
  });
  const owners = new Owners({
    registry,
    slots: SLOTS,
    calls: {
      count: (id) => owned.get(id)?.length ?? 0,
      owners: () => owned.keys(),
      idsOf: async (ids) => new Map([...owned].filter(([id]) => ids.has(id))),
    },
    leases: {
      count: () => Object.values(leases).reduce((sum, count) => sum + count, 0),
      countOf: (app) => leases[app] ?? 0,
    },
    stop: async (ids) => {
      stopped.push(...ids);
      return ids.length;
    },
    clock: realClock,
    leaseContext: () => ({ servedSince: 0, graceMs: GRACE_MS }),
    currentApps: () => ({
      apps: new Map(apps.map((app) => [app, { tenantId: 't' }])),
      defaultApp: 'default',
    }),
    visibleApps: null,
  });
  const fixture = await anApp({ owners, ...keysOf(over.keys) });
  const ask = async (method: 'GET' | 'PUT' | 'DELETE', url: string, payload?: object, key = '') => {
    const headers = key === '' ? {} : { authorization: `Bearer ${key}` };
    const answer = await fixture.app.inject({ method, url, headers, ...(payload && { payload }) });
    return { status: answer.statusCode, body: answer.json() };
  };
  /** Lets the lease of the owner lapse, and the grace pass. */
  const lose = async (id: string) => {
    const late = { now: Date.now() + 2 * DAY_MS, servedSince: 0, graceMs: 0 };
    const change = { id, decide: (current: OwnerRecord) => expireLease(current, late) };
    for (const _ of ['lapsed', 'lost']) await registry.update([change]);
  };
  return { ask, owned, stopped, link, lose, logged: fixture.logged };
}

/** Keys by the apps that they may see. */
function keysOf(keys: Record<string, string[]> | undefined) {
  if (!keys) return {};
  const holders = Object.entries(keys).map(([key, apps]) => aClient(key, { name: key, apps }));
  return { identify: identifyBy({ holders }) };
}

describe('PUT /owners/{owner}', () => {
  test('renews the lease, and says until when it runs', async () => {
    const { ask, owned } = await anOwnersApp();
    owned.set(ownerId({ app: 'default', name: 'bot-7' }), ['a', 'b']);
    const before = Date.now();
    const { status, body } = await ask('PUT', '/owners/bot-7', { leaseSeconds: 60 });
    expect(status).toBe(200);
    expect(body).toMatchObject({ owner: 'bot-7', app: 'default', state: 'active', tracked: 2 });
    const [renewedAt, until, stopsAt] = [body.renewedAt, body.leaseUntil, body.stopsAt].map(
      Date.parse,
    );
    expect(renewedAt).toBeGreaterThanOrEqual(before);
    expect(until).toBe((renewedAt ?? 0) + 60_000);
    expect(stopsAt).toBe((until ?? 0) + GRACE_MS);
  });

  test('needs no body: a lease is 90 s by default', async () => {
    const { ask } = await anOwnersApp();
    expect((await ask('PUT', '/owners/bot-7')).body).toMatchObject({ leaseSeconds: 90 });
  });

  test('answers 202 while Redis is out', async () => {
    const { ask, link } = await anOwnersApp();
    link.up = false;
    const { status, body } = await ask('PUT', '/owners/bot-7', {});
    expect([status, body.state]).toEqual([202, 'active']);
  });

  test.each([
    ['a name with a space', '/owners/bot%207', {}],
    ['a name with a slash', '/owners/bot%2F7', {}],
    ['a name that is too long', `/owners/${'b'.repeat(129)}`, {}],
    ['a lease of 9 s', '/owners/bot-7', { leaseSeconds: 9 }],
    ['a lease of two days', '/owners/bot-7', { leaseSeconds: 172_800 }],
    ['a lease that is a string', '/owners/bot-7', { leaseSeconds: '90' }],
    ['a lease that is a fraction', '/owners/bot-7', { leaseSeconds: 10.5 }],
    ['an unknown field', '/owners/bot-7', { lease: 90 }],
    ['an app that is not configured', '/owners/bot-7', { app: 'nobody' }],
  ])('refuses %s', async (_, url, payload) => {
    const { ask } = await anOwnersApp();
    const { status, body } = await ask('PUT', url, payload);
    expect([status, body.type]).toEqual([400, 'urn:callkeeper:problem:invalid-request']);
    expect(body.errors).toHaveLength(1);
    expect((await ask('GET', '/owners')).body.owners).toEqual([]);
  });

  test('refuses a new lease beyond the limit, but renews existing ones', async () => {
    const { ask } = await anOwnersApp();
    await ask('PUT', '/owners/bot-1', {});
    const full = await anOwnersApp({
      leases: { default: MOST_OF_APP - 1, other: MOST_OF_APP + 1 },
    });
    const refused = await full.ask('PUT', '/owners/bot-2', {});
    expect([refused.status, refused.body.type]).toEqual([
      429,
      'urn:callkeeper:problem:too-many-owners',
    ]);
    await full.ask('GET', '/owners/bot-1');
    expect((await full.ask('PUT', '/owners/bot-1', {})).status).toBe(200);
  });

  test('refuses a lost owner beyond the limit, because its lease is over', async () => {
    const { ask, lose } = await anOwnersApp({ leases: { default: 0, other: MOST_OWNERS } });
    const first = await anOwnersApp();
    await first.ask('PUT', '/owners/bot-1', {});
    expect((await ask('PUT', '/owners/bot-1', {})).status).toBe(200);
    await lose('bot-1@default');
    expect((await ask('GET', '/owners/bot-1')).body.state).toBe('lost');
    expect((await ask('PUT', '/owners/bot-1', {})).status).toBe(429);
  });

  test('lets no app have more than half of the leases if there are several', async () => {
    const first = await anOwnersApp();
    await first.ask('PUT', '/owners/bot-1', {});
    const { ask } = await anOwnersApp({ leases: { default: MOST_OF_APP } });
    const refused = await ask('PUT', '/owners/bot-2', {});
    expect([refused.status, refused.body.type]).toEqual([
      429,
      'urn:callkeeper:problem:too-many-owners',
    ]);
    expect(refused.body.detail).toContain('50000 owners of the app default');
    expect((await ask('PUT', '/owners/bot-1', {})).status).toBe(200);
    expect((await ask('PUT', '/owners/bot-2', { app: 'other' })).status).toBe(200);
    const alone = await anOwnersApp({ leases: { default: MOST_OF_APP }, apps: ['default'] });
    expect((await alone.ask('PUT', '/owners/bot-2', {})).status).toBe(200);
  });

  test('writes an audit line only for the first renewal', async () => {
    const { ask, logged } = await anOwnersApp();
    for (const _ of [1, 2, 3]) await ask('PUT', '/owners/bot-7', {});
    const lines = logged.map((line) => JSON.parse(line)).filter(({ action }) => action === 'own');
    expect(lines).toMatchObject([{ owner: 'bot-7', app: 'default', outcome: 'renewed' }]);
  });
});

describe('the owners', () => {
  test('are listed by name, page by page, also those that have only calls', async () => {
    const { ask, owned } = await anOwnersApp();
    owned.set(ownerId({ app: 'default', name: 'bot-2' }), ['a']);
    for (const name of ['bot-3', 'bot-1', 'bot-4']) await ask('PUT', `/owners/${name}`, {});
    const first = (await ask('GET', '/owners?limit=3')).body;
    expect(first.owners).toMatchObject([
      { owner: 'bot-1', state: 'active', tracked: 0 },
      { owner: 'bot-2', state: 'none', tracked: 1, leaseUntil: null, stopsAt: null },
      { owner: 'bot-3' },
    ]);
    const second = (await ask('GET', `/owners?limit=3&cursor=${first.next}`)).body;
    expect(second.owners.map(({ owner }: { owner: string }) => owner)).toEqual(['bot-4']);
    expect(second.next).toBeNull();
    expect((await ask('GET', '/owners?state=none')).body.owners).toHaveLength(1);
    const bad = await ask('GET', '/owners?cursor=bm9wZQ');
    expect([bad.status, bad.body.type]).toEqual([400, 'urn:callkeeper:problem:invalid-request']);
  });

  test('with the same name in two apps are two', async () => {
    const { ask } = await anOwnersApp();
    await ask('PUT', '/owners/bot-7', {});
    await ask('PUT', '/owners/bot-7', { app: 'other', leaseSeconds: 30 });
    expect((await ask('GET', '/owners')).body.owners).toHaveLength(2);
    expect((await ask('GET', '/owners?app=other')).body.owners).toHaveLength(1);
    expect((await ask('GET', '/owners/bot-7')).body).toMatchObject({ leaseSeconds: 90 });
    expect((await ask('GET', '/owners/bot-7?app=other')).body).toMatchObject({ leaseSeconds: 30 });
    await ask('PUT', '/owners/bot-7?app=other', { leaseSeconds: 40 });
    expect((await ask('GET', '/owners/bot-7?app=other')).body).toMatchObject({ leaseSeconds: 40 });
    expect((await ask('PUT', '/owners/bot-7?app=nobody', {})).status).toBe(400);
    expect((await ask('GET', '/owners/bot-7?app=nobody')).status).toBe(400);
    const unknown = await ask('GET', '/owners/bot-8?app=other');
    expect(unknown.body.detail).toContain('of the app other');
  });

  test('of other apps do not exist for a key that is limited to one', async () => {
    const key = 'k'.repeat(24);
    const { ask, owned, stopped } = await anOwnersApp({ keys: { [key]: ['other'] } });
    owned.set(ownerId({ app: 'default', name: 'bot-7' }), ['a']);
    const refused = await ask('PUT', '/owners/bot-7', {}, key);
    expect([refused.status, refused.body.detail]).toEqual([
      403,
      'the request names no app, so it means the default app: this key is limited to other; name one of them',
    ]);
    expect((await ask('GET', '/owners/bot-7', undefined, key)).status).toBe(404);
    expect((await ask('DELETE', '/owners/bot-7', undefined, key)).status).toBe(403);
    expect((await ask('GET', '/owners', undefined, key)).body.owners).toEqual([]);
    expect((await ask('PUT', '/owners/bot-7', { app: 'other' }, key)).status).toBe(200);
    expect((await ask('GET', '/owners', undefined, key)).body.owners).toHaveLength(1);
    expect(stopped).toEqual([]);
  });
});

describe('DELETE /owners/{owner}', () => {
  test('stops the calls of the owner and drops its lease; a repeat stops none', async () => {
    const { ask, owned, stopped } = await anOwnersApp();
    const id = ownerId({ app: 'default', name: 'bot-7' });
    owned.set(id, ['a', 'b']);
    await ask('PUT', '/owners/bot-7', {});
    expect(await ask('DELETE', '/owners/bot-7')).toEqual({ status: 200, body: { stopped: 2 } });
    expect(stopped).toEqual(['a', 'b']);
    owned.delete(id);
    expect((await ask('GET', '/owners/bot-7')).body.type).toBe(
      'urn:callkeeper:problem:owner-not-found',
    );
    expect((await ask('DELETE', '/owners/nobody')).body).toEqual({ stopped: 0 });
  });

  test('answers 202 while Redis is out', async () => {
    const { ask, link } = await anOwnersApp();
    await ask('PUT', '/owners/bot-7', {});
    link.up = false;
    expect(await ask('DELETE', '/owners/bot-7')).toEqual({
      status: 202,
      body: { stopped: 0, durable: false },
    });
  });
});
