import { request } from 'node:https';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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

  test('wants a token that its Entra issued', async () => {
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
    await control('POST', 'graph/down', { forMs: 100 });
    const isUp = () =>
      control('GET', 'calls').then(
        ({ status }) => status === 200,
        () => false,
      );
    await expect.poll(isUp, { interval: 5 }).toBe(false);
    await expect.poll(isUp, { interval: 5 }).toBe(true);
  });

  test('refuses what it does not know', async () => {
    expect((await control('POST', 'nonsense')).status).toBe(404);
    expect((await control('POST', 'graph/down', {})).status).toBe(400);
  });
});
