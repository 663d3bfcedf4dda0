import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { DEFAULT_SECRET, Simulator } from '../../src/simulator/simulator.ts';

const TENANT = '11111111-1111-4111-8111-111111111111';
const SCOPE = 'https://graph.microsoft.com/.default';

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what the tests are about
  json: any;
}

let simulator: Simulator;
beforeEach(async () => {
  simulator = new Simulator({ deadlineMs: 60_000 });
  await simulator.start();
});
afterEach(() => simulator.stop());

/** A token request as a bot's own code makes it. */
function askToken(fields: Record<string, string> = {}) {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'bot',
    client_secret: DEFAULT_SECRET,
    scope: SCOPE,
    ...fields,
  }).toString();
  return entra('POST', `/${TENANT}/oauth2/v2.0/token`, form);
}

function entra(method: string, path: string, body = ''): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const options = {
    method,
    ca: simulator.caCertificate,
    agent: false,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  } as const;
  const sent = request(simulator.authorityHost + path, options, async (response) => {
    const text = (await response.toArray()).join('');
    resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) });
  });
  sent.on('error', reject).end(body);
  return promise;
}

async function graph(method: string, path: string, token: string | null): Promise<Response> {
  const headers = {
    'client-request-id': 'mine',
    ...(token && { authorization: `Bearer ${token}` }),
  };
  return fetch(simulator.graphBaseUrl + path, { method, headers });
}

async function control(method: string, path: string, body?: unknown): Promise<Answer> {
  const url = simulator.graphBaseUrl.replace('/v1.0', `/_simulator/${path}`);
  const response = await fetch(url, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
  return { status: response.status, json: await response.json() };
}

async function getToken(): Promise<string> {
  return (await askToken()).json.access_token;
}

const keepAlive = (id: string, token: string | null) =>
  graph('POST', `/communications/calls/${id}/keepAlive`, token);

describe("the simulator's Graph", () => {
  test("renews a call with an empty 200 and Graph's headers", async () => {
    const id = simulator.createCall();
    const response = await keepAlive(id, await getToken());
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
    expect(response.headers.get('client-request-id')).toBe('mine');
    expect(response.headers.get('request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get('x-ms-ags-diagnostic')).toContain('ServerInfo');
    expect(response.headers.get('date')).not.toBeNull();
    expect(simulator.ledger.of(id)).toMatchObject([
      { callId: id, app: 'bot', answer: 200, call: 'established' },
    ]);
  });

  test("answers Graph's own 404 for calls that ended or never were, and counts them", async () => {
    const token = await getToken();
    const id = simulator.createCall();
    simulator.endCall(id);
    for (const callId of [id, 'unknown-id', '%']) {
      const response = await keepAlive(callId, token);
      expect(response.status).toBe(404);
      const { error } = (await response.json()) as { error: Record<string, unknown> };
      expect(error).toMatchObject({ code: '8522', message: 'Call not found.' });
      expect(error.innerError).toMatchObject({ 'client-request-id': 'mine' });
    }
    expect(simulator.summary()).toMatchObject([{ id, state: 'ended', tooLate: 1 }]);
    expect(simulator.ledger.keepAlives.map(({ call }) => call)).toEqual([
      'ended',
      'unknown',
      'unknown',
    ]);
  });

  test.each([
    ['/v1/communications/calls/ID/keepAlive', 400],
    ['/communications/calls/ID/keepAlive', 400],
    ['/v1.0/me/ID/keepAlive', 404],
    ['/v1.0/communications/calls/ID/nothing', 404],
  ])(
    'says of %s that there is no such thing, but not that the call is over',
    async (path, status) => {
      const url = new URL(path.replace('ID', simulator.createCall()), simulator.graphBaseUrl);
      const headers = { authorization: `Bearer ${await getToken()}` };
      const response = await fetch(url, { method: 'POST', headers });
      expect(response.status).toBe(status);
      expect(response.headers.get('request-id')).toMatch(/^[0-9a-f-]{36}$/);
      expect(await response.json()).toMatchObject({ error: { code: 'BadRequest' } });
    },
  );

  test('knows /beta too', async () => {
    const id = simulator.createCall();
    const url = `${simulator.graphBaseUrl.replace('v1.0', 'beta')}/communications/calls/${id}/keepAlive`;
    const headers = { authorization: `Bearer ${await getToken()}` };
    expect((await fetch(url, { method: 'POST', headers })).status).toBe(200);
  });

  test.each([
    ['html200', 200, 'text/html'],
    ['html404', 404, 'text/html'],
    ['gateway404', 404, 'application/json'],
  ])('lets %s answer in its place, without any header of its own', async (kind, status, type) => {
    const id = simulator.createCall();
    await control('POST', 'faults/graph', { kind });
    const response = await keepAlive(id, await getToken());
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe(type);
    for (const name of ['request-id', 'client-request-id', 'x-ms-ags-diagnostic']) {
      expect(response.headers.get(name)).toBeNull();
    }
    expect(simulator.summary()).toMatchObject([{ state: 'established', renewals: 0 }]);
    expect(simulator.ledger.of(id)).toMatchObject([{ answer: status, fault: kind }]);
  });

  test('answers an odd 404 of its own on demand', async () => {
    simulator.graphFaults.set({ kind: 'unknown404' });
    const response = await keepAlive(simulator.createCall(), await getToken());
    expect(response.status).toBe(404);
    const innerError = { 'request-id': response.headers.get('request-id') };
    expect(await response.json()).toMatchObject({
      error: { code: 'UnknownError', message: '404 page not found', innerError },
    });
  });

  test.each([
    [500, 'InternalServerError'],
    [503, 'ServiceUnavailable'],
    [504, 'GatewayTimeout'],
    [599, 'UnknownError'],
  ])("answers %i with Graph's error and the headers of the fault", async (status, code) => {
    const headers = { 'retry-after': '2' };
    await control('POST', 'faults/graph', { kind: 'status', status, headers });
    const response = await keepAlive(simulator.createCall(), await getToken());
    expect(response.status).toBe(status);
    expect(response.headers.get('retry-after')).toBe('2');
    const ids = ['request-id', 'client-request-id'].map((name) => [
      name,
      response.headers.get(name),
    ]);
    const innerError = Object.fromEntries(ids);
    expect(await response.json()).toMatchObject({
      error: { code, message: expect.any(String), innerError },
    });
  });

  test.each([
    [{ status: 500, body: '' }, ''],
    [{ status: 500, body: 'busy' }, 'busy'],
    [{ status: 302 }, ''],
    [{ status: 200 }, ''],
  ])('answers %j with no error', async (fault, text) => {
    await control('POST', 'faults/graph', { kind: 'status', ...fault });
    const response = await keepAlive(simulator.createCall(), await getToken());
    expect([response.status, await response.text()]).toEqual([fault.status, text]);
  });

  test('requires a token that its Entra issued', async () => {
    const id = simulator.createCall();
    const token = await getToken();
    for (const bad of [null, 'made-up']) {
      const response = await keepAlive(id, bad);
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token"/);
    }
    simulator.revokeTokens();
    expect((await keepAlive(id, token)).status).toBe(401);
    expect(simulator.summary()).toMatchObject([{ renewals: 0 }]);
  });

  test('dates its answers by a wrong clock on demand, and renews the call all the same', async () => {
    const id = simulator.createCall();
    const token = await getToken();
    await control('POST', 'faults/graph', { kind: 'skew', aheadMs: -86_400_000, count: 1 });
    const dates = [];
    for (const expected of [200, 200]) {
      const response = await keepAlive(id, token);
      expect(response.status).toBe(expected);
      dates.push(Date.parse(response.headers.get('date') ?? ''));
    }
    expect((dates[1] ?? 0) - (dates[0] ?? 0)).toBeGreaterThanOrEqual(86_400_000);
  });

  test('lets a bot create a call, look at it and hang up', async () => {
    const token = await getToken();
    const created = await graph('POST', '/communications/calls', token);
    expect(created.status).toBe(201);
    const { id } = (await created.json()) as { id: string };
    const path = `/communications/calls/${id}`;
    expect(await (await graph('GET', path, token)).json()).toMatchObject({ state: 'established' });
    expect((await graph('DELETE', path, token)).status).toBe(204);
    expect((await graph('GET', path, token)).status).toBe(404);
    expect((await graph('POST', '/communications/calls', null)).status).toBe(401);
    expect((await keepAlive(id, token)).status).toBe(404);
  });

  test('really goes down, and comes up on the same port', async () => {
    const token = await getToken();
    const id = simulator.createCall();
    const { graphBaseUrl } = simulator;
    await simulator.graphDown();
    await expect(keepAlive(id, token)).rejects.toThrow();
    await simulator.graphUp();
    expect(simulator.graphBaseUrl).toBe(graphBaseUrl);
    expect((await keepAlive(id, token)).status).toBe(200);
  });

  test('may be stopped while requests hang, and twice', async () => {
    const token = await getToken();
    simulator.graphFaults.set({ kind: 'hang' });
    const hanging = keepAlive(simulator.createCall(), token).catch(() => 'cut');
    await expect.poll(() => simulator.ledger.keepAlives).toMatchObject([{ answer: 'hung' }]);
    await simulator.stop();
    await simulator.stop();
    expect(await hanging).toBe('cut');
  });
});

describe("the simulator's Entra", () => {
  test('describes a tenant', async () => {
    const { json } = await entra('GET', `/${TENANT}/v2.0/.well-known/openid-configuration`);
    const endpoint = `${simulator.authorityHost}/${TENANT}/oauth2/v2.0/token`;
    expect(json.token_endpoint).toBe(endpoint);
  });

  test('gives a token for a good secret', async () => {
    const { status, json } = await askToken();
    expect(status).toBe(200);
    expect(json).toMatchObject({ token_type: 'Bearer', expires_in: 3600 });
  });

  test('signs a token for another API than Graph, which its keys verify', async () => {
    const api = '33333333-3333-4333-8333-333333333333';
    const token = (await askToken({ scope: `api://${api}/.default` })).json.access_token;
    const tenant = (await entra('GET', `/${TENANT}/v2.0/.well-known/openid-configuration`)).json;
    const keys = (await entra('GET', new URL(tenant.jwks_uri).pathname)).json;
    const { issuer } = tenant;
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), { issuer, audience: api });
    expect(payload).toMatchObject({ tid: TENANT, roles: [] });
    expect((await graph('POST', '/communications/calls/call-0001/keepAlive', token)).status).toBe(
      401,
    );
  });

  test('gives a token for Redis, which names its identity and is no good at Graph', async () => {
    const client_id = '01234567-0000-4000-8000-000000000089';
    const { json } = await askToken({ scope: 'https://redis.azure.com/.default', client_id });
    const oid = '98000000-0000-0008-0004-000076543210';
    const claims = { aud: 'https://redis.azure.com', appid: client_id, oid };
    expect(decodeJwt(json.access_token)).toMatchObject(claims);
    expect((await keepAlive(simulator.createCall(), json.access_token)).status).toBe(401);
  });

  test.each([
    [{ client_secret: 'wrong' }, 7000215],
    [{ grant_type: 'password' }, 70003],
    [{ scope: 'user.read' }, 1002012],
  ])('refuses %j as Entra does', async (fields, number) => {
    const { status, json } = await askToken(fields);
    expect(status).toBe(401);
    expect(json.error_codes).toEqual([number]);
    expect(json.error_description).toMatch(new RegExp(`^AADSTS${number}: .* Trace ID: `));
  });

  test("gives tokens for Graph that tell the app's permissions, as they are granted", async () => {
    const rolesOf = (token: string) => decodeJwt(token).roles;
    expect(rolesOf(await getToken())).toEqual(['Calls.Initiate.All']);
    await control('PUT', 'roles', { roles: ['User.Read.All'] });
    const token = await getToken();
    expect(decodeJwt(token)).toMatchObject({ appid: 'bot', tid: TENANT, roles: ['User.Read.All'] });
    expect((await keepAlive(simulator.createCall(), token)).status).toBe(200);
  });

  test('accepts the secrets of a rotation and no others', async () => {
    simulator.clients.acceptSecrets(['new']);
    expect((await askToken()).status).toBe(401);
    expect((await askToken({ client_secret: 'new' })).status).toBe(200);
  });
});

describe('the control API', () => {
  test('creates and ends calls, sets faults, and tells all that happened', async () => {
    const { json } = await control('POST', 'calls', { endsAfterMs: 60_000 });
    await control('POST', 'faults/graph', { kind: 'status', status: 503, count: 1 });
    const token = await getToken();
    expect((await keepAlive(json.id, token)).status).toBe(503);
    expect((await keepAlive(json.id, token)).status).toBe(200);
    await control('DELETE', `calls/${json.id}`);
    expect((await control('GET', 'calls')).json).toMatchObject([{ id: json.id, state: 'ended' }]);
    const { keepAlives, tokens } = (await control('GET', 'ledger')).json;
    expect(keepAlives.map(({ answer }: { answer: unknown }) => answer)).toEqual([503, 200]);
    expect(tokens).toMatchObject([{ tenantId: TENANT, clientId: 'bot', answer: 200 }]);
  });

  test('revokes tokens, rotates secrets, and closes a listener for a while', async () => {
    const token = await getToken();
    await control('POST', 'tokens/revoke');
    expect((await keepAlive(simulator.createCall(), token)).status).toBe(401);
    await control('PUT', 'secrets', { secrets: ['new'] });
    expect((await askToken()).status).toBe(401);
    // Long enough to be seen on a busy machine.
    await control('POST', 'graph/down', { forMs: 5_000 });
    const isUp = () =>
      control('GET', 'calls').then(
        ({ status }) => status === 200,
        () => false,
      );
    await expect.poll(isUp).toBe(false);
    await expect.poll(isUp).toBe(true);
  });

  test('shows one call, and forgets all on demand', async () => {
    const id = simulator.createCall();
    simulator.graphFaults.set({ kind: 'reset' });
    expect((await control('GET', `calls/${id.toUpperCase()}`)).json).toMatchObject({ id });
    expect((await control('GET', 'calls/unknown')).status).toBe(400);
    await control('POST', 'reset');
    expect((await control('GET', 'calls')).json).toEqual([]);
    expect((await control('GET', 'ledger')).json).toEqual({
      keepAlives: [],
      tokens: [],
      notifications: [],
    });
    expect((await keepAlive(simulator.createCall(), await getToken())).status).toBe(200);
  });

  test('lists what exists if an unknown thing is requested', async () => {
    const { status, json } = await control('POST', 'nonsense');
    expect([status, json.error]).toEqual([404, 'no such action: POST nonsense']);
    expect(json.actions).toContain('POST calls');
  });

  test.each([
    ['POST', 'graph/down', {}, 'forMs: expected a number of milliseconds from 1, up to an hour'],
    ['POST', 'faults/graph', {}, /^kind: expected one of status, html404, .*hang/],
    ['POST', 'faults/graph', { kind: 'slow' }, /^kind: expected one of status/],
    ['POST', 'faults/graph', { kind: 'status' }, 'status: expected a status from 200 to 599'],
    ['POST', 'faults/graph', { kind: 'delay', delayMs: '5s' }, /^delayMs: expected a number/],
    ['POST', 'faults/graph', { kind: 'hang', share: 2 }, 'share: expected a number from 0 to 1'],
    ['POST', 'faults/graph', { kind: 'hang', callId: 'x' }, /^callId is not known here; expected/],
    ['POST', 'faults/entra', { kind: 'reset' }, 'kind: expected one of status, hang, delay'],
    ['POST', 'calls', { endsAfterMs: 'soon' }, 'endsAfterMs: expected a number of milliseconds'],
    [
      'POST',
      'calls',
      { callbackUri: 'ftp://x' },
      'callbackUri: expected an http:// or https:// URL',
    ],
    ['POST', 'calls', [], 'expected a JSON object'],
    [
      'POST',
      'faults/graph',
      { kind: 'skew' },
      /^aheadMs: expected a number of milliseconds, below/,
    ],
    ['PUT', 'secrets', { secrets: 'x' }, 'secrets: expected a list of texts'],
  ])('refuses %s %s %j', async (method, path, body, message) => {
    const { status, json } = await control(method, path, body);
    expect(status).toBe(400);
    const told = String(json.error).replace('TypeError: ', '');
    if (typeof message === 'string') expect(told).toBe(message);
    else expect(told).toMatch(message);
  });
});

describe('a bot that gave a callback', () => {
  /** Records the notifications, the first one after a delay. */
  async function aBot(status = 202) {
    const told: { changeType: string; resourceUrl: string; resourceData: object }[] = [];
    const server = createServer(async (notified, response) => {
      const body = await notified.toArray().then(
        (chunks) => chunks.join(''),
        () => null,
      );
      if (body === null) return; // the simulator has gone away
      if (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
      told.push(...JSON.parse(body).value);
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    return { told, callbackUri: `http://127.0.0.1:${port}/api/calls` };
  }

  test('is notified in order that its call is established, and over', async () => {
    const { told, callbackUri } = await aBot(500);
    const { json } = await control('POST', 'calls', { callbackUri });
    await control('DELETE', `calls/${json.id}`);
    await expect.poll(() => simulator.ledger.notifications.length).toBe(2);
    expect(told).toMatchObject([
      { changeType: 'updated', resourceData: { state: 'established' } },
      { changeType: 'deleted', resourceData: { state: 'terminated', resultInfo: { code: 200 } } },
    ]);
    for (const { resourceUrl } of told)
      expect(resourceUrl).toBe(`/communications/calls/${json.id}`);
    expect(simulator.ledger.notifications).toMatchObject([{ answer: 500 }, { answer: 500 }]);
  });

  test('is notified when its call gets no keepAlive in time, though nobody reads the call', async () => {
    const quick = new Simulator({ deadlineMs: 200 });
    onTestFinished(() => quick.stop());
    await quick.start();
    const { told, callbackUri } = await aBot();
    quick.createCall({ callbackUri });
    await expect.poll(() => told.length).toBe(2);
    expect(told[1]?.resourceData).toMatchObject({ resultInfo: { code: 408, subcode: 8537 } });
  });

  test('gives it to Graph with the call, and gets the tenant in notifications', async () => {
    const { told, callbackUri } = await aBot();
    const created = await fetch(`${simulator.graphBaseUrl}/communications/calls`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await getToken()}` },
      body: JSON.stringify({ callbackUri }),
    });
    expect(created.status).toBe(201);
    await expect.poll(() => told.length).toBe(1);
    expect(told[0]?.resourceData).toMatchObject({ tenantId: TENANT });
  });

  test('that is not there does no harm', async () => {
    const id = simulator.createCall({ callbackUri: 'http://127.0.0.1:1/' });
    await expect.poll(() => simulator.ledger.notifications.length).toBe(1);
    expect(simulator.ledger.notifications[0]?.answer).toBeTypeOf('string');
    expect((await keepAlive(id, await getToken())).status).toBe(200);
  });
});
