import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { App, AppCredential, ManagedIdentity } from '../../src/graph/app.ts';
import type { CloudName } from '../../src/graph/clouds.ts';
import { Dispatchers } from '../../src/graph/dispatchers.ts';
import { acquireManagedToken } from '../../src/graph/managed-identity.ts';
import { Simulator } from '../../src/simulator/simulator.ts';
import { makeApp, makeCall, makeGraph, PATIENT, TENANT, trust } from './fixtures.ts';
import { json, Machine } from './machine.ts';

// As App Service and Container Apps have it. MSAL looks once in a process: one machine for all.
const HEADER = 'the-header-of-the-machine';
const OTHER_TENANT = '33333333-3333-4333-8333-333333333333';
const IDENTITY = '44444444-4444-4444-8444-444444444444';
const GRAPH = 'https://graph.microsoft.com';
const machine = new Machine();

/** A proxy that nobody is behind: what goes through it fails. */
const proxy = { http: 'http://127.0.0.1:1', https: 'http://127.0.0.1:1', no: null };
const connections = new Dispatchers(4, PATIENT, proxy);
const options = {
  dispatcher: connections.direct,
  tokenMs: PATIENT.tokenMs,
  userAgent: 'callkeeper/test',
  now: () => Date.now(),
};
const acquire = (identity: ManagedIdentity, tokenMs = PATIENT.tokenMs) =>
  acquireManagedToken(identity, GRAPH, { ...options, tokenMs });

beforeAll(async () => {
  await machine.start();
  process.env.IDENTITY_ENDPOINT = `${machine.origin}/msi/token`;
  process.env.IDENTITY_HEADER = HEADER;
});
beforeEach(() => {
  machine.asked.length = 0;
  machine.replies.length = 0;
  machine.lifetimeMs = 86_400_000;
});
afterAll(async () => {
  await connections.close();
  await machine.stop();
});

describe('the machine gives a token', () => {
  test('to its own identity, asked as App Service wants it, past the proxy', async () => {
    const token = await acquire({ by: 'system' });
    expect(token.value).toBe(`machine.${GRAPH}.system.1`);
    expect(token.lifetimeMs / 3_600_000).toBeCloseTo(24, 1);
    expect(machine.asked).toMatchObject([
      {
        path: '/msi/token',
        query: { resource: GRAPH, 'api-version': '2019-08-01' },
        headers: { 'x-identity-header': HEADER, 'user-agent': 'callkeeper/test' },
      },
    ]);
  });

  test.each<[ManagedIdentity, object]>([
    [{ by: 'clientId', id: IDENTITY }, { client_id: IDENTITY }],
    [{ by: 'objectId', id: IDENTITY }, { object_id: IDENTITY }],
    [{ by: 'resourceId', id: '/subscriptions/s/x' }, { mi_res_id: '/subscriptions/s/x' }],
  ])('to the identity that it was assigned, named by %j', async (identity, query) => {
    await acquire(identity);
    expect(machine.asked).toMatchObject([{ query }]);
  });

  test('again for each request, past any cache, and separately for each identity', async () => {
    const ids = ['a', 'b', 'a'].map((id) => ({ by: 'clientId', id }) as const);
    const tokens = await Promise.all(ids.map((id) => acquire(id)));
    expect(tokens.map(({ value }) => value.split('.').at(-2))).toEqual(['a', 'b', 'a']);
    expect(new Set(tokens.map(({ value }) => value)).size).toBe(3);
  });
});

describe('the machine gives no token', () => {
  const identity = { by: 'system' } as const;

  test('but the reason, if there is one', async () => {
    const body = { error: 'invalid_request', error_description: 'Identity not found' };
    machine.replies.push((response) => json(response, 400, body));
    await expect(acquire(identity)).rejects.toMatchObject({
      code: 'TOKEN',
      message: expect.stringContaining('Identity not found'),
    });
  });

  test('but the time until the next attempt', async () => {
    machine.replies.push((response) => json(response, 429, {}, { 'retry-after': '7' }));
    await expect(acquire(identity)).rejects.toMatchObject({ retryAfterMs: 7_000 });
    expect(machine.asked).toHaveLength(1);
  });

  test('but fails within the time limit if it is silent, each attempt by its own limit', async () => {
    machine.replies.push(() => {});
    await expect(acquire(identity, 300)).rejects.toThrow(/no answer in \d+m?s|Timeout/);
    expect((await acquire(identity)).value).toMatch(/^machine\./);
  });

  test.each<[string, string, RegExp]>([
    ['something that is not JSON', '<html>', /answered 200 with something that is not JSON/],
    ['a token without an end', '{"access_token":"x"}', /has no time left|has expired/],
    ['a token that has expired', '{"access_token":"x","expires_on":"1000"}', /has expired/],
    ['nothing', '{}', /\S/],
  ])('but a failure if it answers %s', async (_, body, message) => {
    machine.replies.push((response) => response.writeHead(200).end(body));
    await expect(acquire(identity)).rejects.toMatchObject({
      code: 'TOKEN',
      message: expect.stringMatching(message),
    });
  });
});

describe('an app', () => {
  let simulator: Simulator;
  let world: ReturnType<typeof makeGraph>;
  const appWith = (credential: AppCredential, more: Partial<App> = {}): App => ({
    ...makeApp(simulator),
    credential,
    ...more,
  });
  const start = (app: App) => {
    world = makeGraph(app);
    return world.graph;
  };

  beforeEach(async () => {
    simulator = new Simulator();
    await simulator.start();
    trust(simulator.caCertificate);
  });
  afterEach(async () => {
    await world.graph.close();
    await simulator.stop();
  });

  test('that is a managed identity sends its tokens to Graph; many calls ask once', async () => {
    const graph = start(appWith({ kind: 'managed-identity', identity: { by: 'system' } }));
    const ids = Array.from({ length: 5 }, () => simulator.createCall());
    const outcomes = await Promise.all(ids.map((id) => graph.send(makeCall(id))));
    // The simulated Graph knows Entra's tokens only: it refuses these, each call's on its own.
    expect(outcomes).toMatchObject(ids.map(() => ({ error: { status: 401 } })));
    // One token for all of them, and one more after the 401.
    expect(machine.asked).toHaveLength(2);
    expect(simulator.ledger.tokens).toEqual([]);
  });

  test('that is a managed identity has none for another tenant, and says so', async () => {
    const graph = start(appWith({ kind: 'managed-identity', identity: { by: 'system' } }));
    const call = makeCall(simulator.createCall(), { tenantId: OTHER_TENANT });
    expect(await graph.send(call)).toMatchObject({
      kind: 'failed',
      sentAt: null,
      error: {
        code: 'token',
        message: expect.stringContaining(`only for its own tenant, ${TENANT}`),
      },
    });
    expect(machine.asked).toEqual([]);
  });

  test('that trusts a managed identity asks Entra with a token of that one', async () => {
    const identity = { by: 'clientId', id: IDENTITY } as const;
    const graph = start(appWith({ kind: 'federated-managed-identity', identity }));
    simulator.clients.acceptFederatedToken(`machine.api://AzureADTokenExchange.${IDENTITY}.1`);
    const calls = [TENANT, OTHER_TENANT].map((tenantId) =>
      makeCall(simulator.createCall(), { tenantId }),
    );
    const outcomes = await Promise.all(calls.map((call) => graph.send(call)));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['renewed', 'renewed']);
    // Each tenant had a token of its own; the assertion served both.
    expect(simulator.ledger.tokens.map(({ tenantId }) => tenantId).sort()).toEqual(
      [TENANT, OTHER_TENANT].sort(),
    );
    expect(machine.asked).toMatchObject([{ query: { client_id: IDENTITY } }]);
  });

  test.each<[CloudName, string]>([
    ['global', 'api://AzureADTokenExchange'],
    ['us-gov-l4', 'api://AzureADTokenExchangeUSGov'],
    ['us-gov-l5', 'api://AzureADTokenExchangeUSGov'],
    ['china', 'api://AzureADTokenExchangeChina'],
  ])('of the cloud %s wants that token for %s', async (cloud, audience) => {
    const identity = { by: 'clientId', id: IDENTITY } as const;
    const graph = start(appWith({ kind: 'federated-managed-identity', identity }, { cloud }));
    simulator.clients.acceptFederatedToken(`machine.${audience}.${IDENTITY}.1`);
    expect((await graph.send(makeCall(simulator.createCall()))).kind).toBe('renewed');
    expect(machine.asked).toMatchObject([{ query: { resource: audience } }]);
  });

  test('goes on with its last good tokens while the machine gives none', async () => {
    await simulator.stop();
    simulator = new Simulator({ refreshInMs: 1_000 });
    await simulator.start();
    trust(simulator.caCertificate);
    const identity = { by: 'clientId', id: IDENTITY } as const;
    const graph = start(appWith({ kind: 'federated-managed-identity', identity }));
    simulator.clients.acceptFederatedToken(`machine.api://AzureADTokenExchange.${IDENTITY}.1`);
    machine.lifetimeMs = 4_000;
    const call = makeCall(simulator.createCall());
    const outcomes = new Set<string>();
    const send = async () => void outcomes.add((await graph.send(call)).kind);
    await send();
    machine.replies.push(
      ...Array.from({ length: 99 }, () => (response: ServerResponse) => json(response, 500, {})),
    );
    const asks = { timeout: 15_000, interval: 100 };
    // Its token is to be renewed after 1 s, the assertion after 3 s.
    await expect.poll(() => send().then(() => machine.asked.length), asks).toBeGreaterThan(2);
    expect(simulator.ledger.tokens.length).toBeGreaterThan(1);
    expect([...outcomes]).toEqual(['renewed']);
  });
});
