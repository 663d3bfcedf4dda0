import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/calls/outcome.ts';
import type { RequestOutcome } from '../../src/graph/graph.ts';
import { createServerIdentity } from '../../src/simulator/certificate.ts';
import type { GraphFault } from '../../src/simulator/faults.ts';
import { Simulator } from '../../src/simulator/simulator.ts';
import {
  HASTY,
  listen,
  makeApp,
  makeCall,
  makeError,
  makeGraph,
  TENANT,
  trust,
} from './fixtures.ts';

const OTHER_TENANT = '33333333-3333-4333-8333-333333333333';

/** As Graph answers a keepAlive. */
const RENEWED =
  'HTTP/1.1 200 OK\r\nrequest-id: 6c2b6ef1-8a36-4cbf-9d0c-1d1f3b6a2c11\r\ncontent-length: 0\r\n\r\n';

let simulator: Simulator;
let world: ReturnType<typeof makeGraph>;

beforeEach(async () => {
  simulator = new Simulator();
  await simulator.start();
  trust(simulator.caCertificate);
  world = makeGraph(makeApp(simulator));
});
afterEach(async () => {
  await world.graph.close();
  await simulator.stop();
});

function errorOf(outcome: Outcome) {
  if (outcome.kind === 'renewed') throw new Error('expected an error, but it was renewed');
  return outcome.error;
}

describe('a keepAlive', () => {
  test('renews a call, and says when it was sent', async () => {
    const id = simulator.createCall();
    const before = Date.now();
    const outcome = await world.graph.send(makeCall(id));
    expect(outcome.kind).toBe('renewed');
    expect(outcome.sentAt).toBeGreaterThanOrEqual(before);
    expect(simulator.ledger.of(id)).toMatchObject([{ answer: 200, call: 'established' }]);
    expect(world.requests).toEqual(['renewed']);
    expect(world.tokens).toEqual(['success']);
  });

  test('counts from its sending, not from a slow answer', async () => {
    const id = simulator.createCall();
    await world.graph.send(makeCall(id));
    simulator.graphFaults.set({ kind: 'delay', delayMs: 300 });
    const { sentAt } = await world.graph.send(makeCall(id));
    expect(sentAt).toBeLessThanOrEqual(simulator.ledger.of(id).at(-1)?.at ?? 0);
    expect(Date.now() - (sentAt ?? Number.NaN)).toBeGreaterThanOrEqual(299);
  });

  test('for a call that is over returns ended, with the evidence that support asks for', async () => {
    const id = simulator.createCall();
    simulator.endCall(id);
    const outcome = await world.graph.send(makeCall(id));
    expect(outcome.kind).toBe('ended');
    const error = errorOf(outcome);
    expect(error).toMatchObject({ status: 404, code: '8522', message: 'Call not found.' });
    expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(error.clientRequestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(error.diagnostic).toContain('ServerInfo');
    expect(Date.parse(error.date ?? '')).toBeGreaterThan(0);
  });

  test('has the header fields that Graph asks for, and no body', async () => {
    const heads: string[] = [];
    await using server = await listen((socket) =>
      socket.on('data', (data) => {
        heads.push(data.toString());
        socket.write(RENEWED);
      }),
    );
    const graphBaseUrl = `http://127.0.0.1:${server.port}/v1.0`;
    const { graph } = makeGraph({ ...makeApp(simulator), graphBaseUrl });
    await graph.send(makeCall('call-0001'));
    await graph.send(makeCall('../../me?x#y'));
    await graph.close();
    const [head = '', odd = ''] = heads;
    expect(head).toMatch(
      /^POST \/v1\.0\/communications\/calls\/call-0001\/keepAlive HTTP\/1\.1\r\n/,
    );
    expect(head).toMatch(/\r\ncontent-length: 0\r\n/i);
    expect(head).toMatch(/\r\nauthorization: Bearer [\w-]+\.[\w-]+\.[\w-]+\r\n/);
    expect(head).toMatch(/\r\nuser-agent: callkeeper\/test\r\n/);
    const ids = heads.map((text) => /client-request-id: ([0-9a-f-]{36})\r\n/.exec(text)?.[1]);
    expect(new Set(ids).size).toBe(2);
    expect(odd).toMatch(
      /^POST \/v1\.0\/communications\/calls\/\.\.%2F\.\.%2Fme%3Fx%23y\/keepAlive /,
    );
  });

  const failed = { kind: 'failed' } as const;
  test.each<[string, GraphFault, Partial<Outcome>, string | null, RequestOutcome]>([
    ['a page of a proxy', { kind: 'html404' }, failed, 'foreign', 'foreign'],
    ['a login page', { kind: 'html200' }, failed, 'foreign', 'foreign'],
    ['a 404 of a gateway', { kind: 'gateway404' }, failed, '8522', 'not_found'],
    ['an odd 404', { kind: 'unknown404' }, failed, 'UnknownError', 'not_found'],
    ['no answer', { kind: 'hang' }, failed, 'timeout', 'failed'],
    ['a reset', { kind: 'reset' }, failed, 'ECONNRESET', 'failed'],
    ['half an answer', { kind: 'cutBody' }, failed, 'closed', 'failed'],
    ['an answer without end', { kind: 'endlessBody' }, failed, 'oversized', 'failed'],
    ['what is not HTTP', { kind: 'malformed' }, failed, 'malformed', 'failed'],
    ['a late answer', { kind: 'delay', delayMs: 2000 }, failed, 'timeout', 'failed'],
    ['500', { kind: 'status', status: 500 }, failed, 'InternalServerError', 'failed'],
    ['500 without a body', { kind: 'status', status: 500, body: '' }, failed, null, 'failed'],
    ['a plain 404', { kind: 'status', status: 404 }, failed, 'ResourceNotFound', 'not_found'],
    ['403', { kind: 'status', status: 403 }, { kind: 'refused' }, 'Forbidden', 'refused'],
    [
      '429',
      { kind: 'status', status: 429 },
      { kind: 'throttled', retryAfterMs: null },
      'TooManyRequests',
      'throttled',
    ],
    [
      '503 with Retry-After',
      { kind: 'status', status: 503, headers: { 'retry-after': '2.128' } },
      { kind: 'throttled', retryAfterMs: 2128 },
      'ServiceUnavailable',
      'throttled',
    ],
  ])('answered with %s does not end the call', async (_, fault, expected, code, counted) => {
    const id = simulator.createCall();
    simulator.graphFaults.set(fault);
    const isSlow = fault.kind === 'hang' || fault.kind === 'delay';
    const { graph, requests } = makeGraph(makeApp(simulator), isSlow ? { timeouts: HASTY } : {});
    const outcome = await graph.send(makeCall(id));
    await graph.close();
    expect(outcome).toMatchObject(expected);
    expect(errorOf(outcome).code).toBe(code);
    expect(requests).toEqual([counted]);
    simulator.graphFaults.clear();
    expect(await world.graph.send(makeCall(id))).toMatchObject({ kind: 'renewed' });
  });

  test('does not follow a redirect with its token', async () => {
    await using target = await listen(() => {});
    const location = `http://127.0.0.1:${target.port}/`;
    const id = simulator.createCall();
    for (const status of [301, 302, 307, 308]) {
      simulator.graphFaults.set({ kind: 'status', status, headers: { location }, count: 1 });
      const outcome = await world.graph.send(makeCall(id));
      expect(outcome).toMatchObject({ kind: 'failed', error: { status } });
    }
    expect(target.connections()).toBe(0);
  });

  test('to a Graph that is down fails, and renews when it is up again', async () => {
    const id = simulator.createCall();
    await simulator.graphDown();
    const outcome = await world.graph.send(makeCall(id));
    expect(outcome).toMatchObject({
      kind: 'failed',
      error: { status: null, code: 'ECONNREFUSED' },
    });
    expect(outcome.sentAt).not.toBeNull();
    await simulator.graphUp();
    const next = await world.graph.send(makeCall(id, { lastError: errorOf(outcome) }));
    expect(next.kind).toBe('renewed');
  });

  test.each([
    ['a certificate that is not trusted', 'https://127.0.0.1:PORT/v1.0', /CERT|SIGNATURE/],
    ['a name that does not resolve', 'https://nowhere.invalid/v1.0', /ENOTFOUND|EAI_AGAIN/],
    ['a port that does not speak TLS', 'https://127.0.0.1:PLAIN/v1.0', /SSL|EPROTO|closed/],
  ])('to %s fails, and the error tells why', async (_, url, code) => {
    const { certificate: cert, key } = await createServerIdentity();
    await using tls = await listen(() => {}, createTlsServer({ cert, key }));
    await using plain = await listen((socket) => socket.end('no TLS here'));
    const ports = url.replace('PORT', `${tls.port}`).replace('PLAIN', `${plain.port}`);
    const { graph } = makeGraph({ ...makeApp(simulator), graphBaseUrl: ports });
    const error = errorOf(await graph.send(makeCall('call-0001')));
    await graph.close();
    expect(error.status).toBeNull();
    expect(error.code).toMatch(code);
  });

  test('for an app that is not configured fails without a request', async () => {
    const outcome = await world.graph.send(makeCall('call-0001', { app: 'nope' }));
    expect(outcome).toMatchObject({ kind: 'failed', sentAt: null, error: { code: 'app' } });
    expect(world.requests).toEqual([]);
  });

  test('keeps hostile text of an answer out of the error', async () => {
    const message = `a\r\nb\u0000c\u202Ed${'x'.repeat(5000)}`;
    const body = JSON.stringify({ error: { code: 'Bad\u001b[31m', message } });
    simulator.graphFaults.set({ kind: 'status', status: 400, body });
    const error = errorOf(await world.graph.send(makeCall('call-0001')));
    expect(error.code).toBe('Bad [31m');
    expect(error.message).toMatch(/^a b c dx+…$/);
    expect(error.message).toHaveLength(300);
  });
});

describe('a connection', () => {
  test('is used again, but not by a request that follows a failure of its call', async () => {
    let connections = 0;
    await using server = await listen((socket) => {
      connections += 1;
      socket.on('data', () => socket.write(RENEWED));
    });
    const graphBaseUrl = `http://127.0.0.1:${server.port}/v1.0`;
    const { graph } = makeGraph({ ...makeApp(simulator), graphBaseUrl });
    const send = (more = {}) => graph.send(makeCall('call-0001', more));
    for (let i = 0; i < 20; i++) await send();
    expect(connections).toBeLessThanOrEqual(2);
    for (const last of [{ status: 503 }, { code: 'ECONNRESET' }, { code: 'timeout' }]) {
      const before = connections;
      const outcomes = [await send({ lastError: makeError(last) })];
      outcomes.push(await send({ lastError: makeError(last) }));
      expect(outcomes.map(({ kind }) => kind)).toEqual(['renewed', 'renewed']);
      expect(connections).toBe(before + 2);
    }
    const unsent = ['token', 'app', 'internal', 'queued', 'stopping', 'stopped'];
    const codes = unsent.map((code) => ({ code, status: null }));
    for (const last of [...codes, { status: 500 }, { status: 429 }]) {
      const before = connections;
      await send({ lastError: makeError(last) });
      expect(connections).toBe(before);
    }
    await graph.close();
  });

  test('is one of no more than configured, and what waits too long for one fails', async () => {
    await using server = await listen(() => {});
    const graphBaseUrl = `http://127.0.0.1:${server.port}/v1.0`;
    const limits = { connections: 2, timeouts: HASTY };
    const { graph } = makeGraph({ ...makeApp(simulator), graphBaseUrl }, limits);
    const sends = Array.from({ length: 10 }, () => graph.send(makeCall('call-0001')));
    // Until the first one is given up, the others wait for its connection.
    await Promise.race(sends);
    expect(server.connections()).toBeLessThanOrEqual(2);
    const codes = (await Promise.all(sends)).map((outcome) => errorOf(outcome).code);
    expect(new Set(codes)).toEqual(new Set(['timeout']));
    await graph.close();
  });

  test('in use is left to finish when the sender closes', async () => {
    const id = simulator.createCall();
    await world.graph.send(makeCall(id));
    simulator.graphFaults.set({ kind: 'delay', delayMs: 100 });
    const sending = world.graph.send(makeCall(id));
    await sleep(20);
    await world.graph.close();
    expect((await sending).kind).toBe('renewed');
    expect((await world.graph.send(makeCall(id))).kind).toBe('failed');
  });
});

describe('a token', () => {
  test('is asked for once by many calls at once, and once a tenant', async () => {
    const ids = Array.from({ length: 50 }, () => simulator.createCall());
    await Promise.all(ids.map((id) => world.graph.send(makeCall(id))));
    expect(simulator.ledger.tokens).toHaveLength(1);
    await world.graph.send(makeCall(ids[0] ?? '', { tenantId: OTHER_TENANT }));
    const tenants = simulator.ledger.tokens.map(({ tenantId }) => tenantId);
    expect(tenants).toEqual([TENANT, OTHER_TENANT]);
  });

  test('that was revoked is replaced, and the call renewed, at once', async () => {
    const ids = Array.from({ length: 20 }, () => simulator.createCall());
    await world.graph.send(makeCall(ids[0] ?? ''));
    simulator.revokeTokens();
    const outcomes = await Promise.all(ids.map((id) => world.graph.send(makeCall(id))));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['renewed']));
    expect(simulator.ledger.tokens).toHaveLength(2);
    expect(world.requests).toContain('unauthorized');
  });

  test('is asked for with the claims of a challenge', async () => {
    const id = simulator.createCall();
    await world.graph.send(makeCall(id));
    simulator.revokeTokens({ access_token: { nbf: { essential: true, value: '1604106651' } } });
    expect((await world.graph.send(makeCall(id))).kind).toBe('renewed');
    expect(world.requests).toEqual(['renewed', 'unauthorized', 'renewed']);
  });

  test('is asked for with the claims of a second challenge', async () => {
    const claims = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}';
    const challenge = `Bearer claims="${Buffer.from(claims).toString('base64')}"`;
    const heads: string[] = [];
    await using server = await listen((socket) =>
      socket.on('data', (data) => {
        heads.push(data.toString());
        const challenges = `www-authenticate: Bearer realm=""\r\nwww-authenticate: ${challenge}`;
        const unauthorized = `HTTP/1.1 401 No\r\n${challenges}\r\ncontent-length: 0\r\n\r\n`;
        socket.write(heads.length === 1 ? unauthorized : RENEWED);
      }),
    );
    const graphBaseUrl = `http://127.0.0.1:${server.port}/v1.0`;
    const { graph } = makeGraph({ ...makeApp(simulator), graphBaseUrl });
    simulator.revokeTokens(JSON.parse(claims));
    expect((await graph.send(makeCall('call-0001'))).kind).toBe('renewed');
    await graph.close();
    const [first, second] = heads.map((head) => /authorization: Bearer (\S+)/i.exec(head)?.[1]);
    // The simulated Entra's tokens are good from now on only if asked for with the claims.
    const id = simulator.createCall();
    const statuses = [first, second].map(async (token) => {
      const url = `${simulator.graphBaseUrl}/communications/calls/${id}/keepAlive`;
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(url, { method: 'POST', headers })).status;
    });
    expect(await Promise.all(statuses)).toEqual([401, 200]);
  });

  test('that Graph refuses whatever it is fails, and costs no token request a call', async () => {
    simulator.graphFaults.set({ kind: 'status', status: 401 });
    const ids = Array.from({ length: 30 }, () => simulator.createCall());
    const startedAt = performance.now();
    for (const id of ids) {
      const outcome = await world.graph.send(makeCall(id));
      expect(outcome).toMatchObject({ kind: 'failed', error: { status: 401 } });
    }
    // A refused token is replaced once a second at most.
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(simulator.ledger.tokens.length).toBeLessThanOrEqual(3 + seconds);
  });

  test('that was revoked while Entra is out tells both in the error', async () => {
    const id = simulator.createCall();
    await world.graph.send(makeCall(id));
    simulator.revokeTokens();
    await simulator.entraDown();
    // The second call fails while it is too early for another token request.
    for (let i = 0; i < 2; i++) {
      const error = errorOf(await world.graph.send(makeCall(id)));
      expect(error).toMatchObject({ status: 401, code: 'token' });
      expect(error.requestId).not.toBeNull();
      expect(error.message).toContain('No token for app "default"');
      expect(error.message).toContain('ECONNREFUSED');
    }
  });

  test('that cannot be fetched fails the call with the reason, and is requested again later', async () => {
    const id = simulator.createCall();
    simulator.entraFaults.set({ kind: 'status', status: 503, aadsts: 90033 });
    const outcome = await world.graph.send(makeCall(id));
    expect(outcome).toMatchObject({ kind: 'failed', sentAt: null });
    expect(errorOf(outcome)).toMatchObject({ status: null, code: 'token' });
    expect(errorOf(outcome).message).toMatch(/^No token for app "default" .*AADSTS90033: /);
    await world.graph.send(makeCall(id));
    expect(simulator.ledger.tokens).toHaveLength(1);
    expect(world.requests).toEqual([]);
    expect(world.tokens).toEqual(['failure']);
    simulator.entraFaults.clear();
    await expect
      .poll(() => world.graph.send(makeCall(id)))
      .toMatchObject({
        kind: 'renewed',
      });
  });

  test('is fetched before the request, which is then sent at once', async () => {
    const call = makeCall(simulator.createCall());
    expect(world.graph.ready(call)).toBe(false);
    expect(await world.graph.prepare(call, Number.POSITIVE_INFINITY)).toBeNull();
    expect(world.graph.ready(call)).toBe(true);
    await world.graph.send(call);
    expect(simulator.ledger.tokens).toHaveLength(1);
  });

  test('of a tenant that Entra does not know is a refusal: only a person can mend it', async () => {
    const tenantId = '99999999-9999-4999-8999-999999999999';
    const call = makeCall(simulator.createCall(), { tenantId });
    simulator.entraFaults.set({
      kind: 'status',
      status: 400,
      aadsts: 90002,
      tenantIds: [tenantId],
    });
    const outcome = await world.graph.prepare(call, Number.POSITIVE_INFINITY);
    expect(outcome).toMatchObject({ kind: 'refused', sentAt: null, error: { code: 'token' } });
    expect(world.graph.ready(call)).toBe(false);
    expect(await world.graph.send(call)).toMatchObject({ kind: 'refused', sentAt: null });
    expect(simulator.ledger.keepAlives).toEqual([]);
  });

  test('of many unknown tenants costs few connections', async () => {
    const tenantOf = (nth: number) => `99999999-9999-4999-8999-${String(nth).padStart(12, '0')}`;
    await using proxy = await listen(serveConnect);
    const https = `http://127.0.0.1:${proxy.port}`;
    const { graph } = makeGraph(makeApp(simulator), { proxy: { http: null, https, no: null } });
    simulator.entraFaults.set({ kind: 'status', status: 400, aadsts: 90002 });
    for (let nth = 0; nth < 20; nth++) {
      const call = makeCall('call-0001', { tenantId: tenantOf(nth) });
      await graph.prepare(call, Number.POSITIVE_INFINITY);
    }
    await graph.close();
    expect(simulator.ledger.tokens).toHaveLength(20);
    expect(proxy.connections()).toBeLessThanOrEqual(2);
  });

  test('of an app that is refused does not hold up the calls of another', async () => {
    const good = makeApp(simulator);
    const secret = { value: 'wrong-secret-value' };
    const bad = { ...good, name: 'bad', credential: { kind: 'secret', secret } as const };
    const { graph, lines } = makeGraph([good, bad]);
    const id = simulator.createCall();
    const refused = await graph.send(makeCall(id, { app: 'bad' }));
    expect(errorOf(refused).message).toContain('AADSTS7000215: Invalid client secret provided.');
    expect((await graph.send(makeCall(id))).kind).toBe('renewed');
    await graph.close();
    expect(lines.join('')).toContain('AADSTS7000215');
    expect(lines.join('') + JSON.stringify(refused)).not.toContain('wrong-secret-value');
  });

  test('is good until it expires, however long Entra is out', async () => {
    // The third of it that is left when it is to be renewed is long enough for a busy machine.
    const short = new Simulator({ tokenLifetimeMs: 9_000 });
    await short.start();
    trust(short.caCertificate);
    const { graph, tokens } = makeGraph(makeApp(short));
    const call = makeCall(short.createCall());
    expect((await graph.send(call)).kind).toBe('renewed');
    await short.entraDown();
    while (!tokens.includes('failure')) {
      expect((await graph.send(call)).kind).toBe('renewed');
      await sleep(20);
    }
    expect((await graph.send(call)).kind).toBe('renewed');
    await graph.close();
    await short.stop();
  });
});

/** As a proxy does: hands on to the port that CONNECT names. */
function serveConnect(socket: Socket): void {
  socket.once('data', (request) => {
    const port = Number(/^CONNECT \S+:(\d+) /.exec(String(request))?.[1]);
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
  });
}
