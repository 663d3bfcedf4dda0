import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { problemType } from '../../src/http/problems.ts';
import { freePort } from '../free-port.ts';
import { anApp, ID, identifyBy, parseAnswer } from '../http/fixture.ts';
import { Haproxy, MOST_OF_ADDRESS } from './haproxy.ts';
import { NameServer } from './name-server.ts';

const KEY = 'k'.repeat(24);
const PATIENCE = { timeout: 30_000 };
const HOSTS = ['127.0.0.1', '127.0.0.2'];

/** The API of a replica on an address of loopback, which says who answered and how it is. */
async function aReplica(host: string, port: number) {
  const state = { reasons: [] as string[], renderings: 0 };
  const { app, calls, logged } = await anApp({
    trustsProxy: (address) => address === '127.0.0.1',
    identify: identifyBy({ apiKeys: [KEY] }),
    ready: () => state.reasons,
    metrics: {
      contentType: 'text/plain',
      render: async () => `rendering ${++state.renderings}\n`,
    },
  });
  await app.listen({ host, port });
  return { app, calls, logged, state };
}

async function aProxy(hosts = HOSTS) {
  const [proxy, replicasPort] = [await freePort(), await freePort()];
  const replicas = await Promise.all(hosts.map((host) => aReplica(host, replicasPort)));
  const nameServer = new NameServer('callkeeper', hosts);
  onTestFinished(() => nameServer.stop());
  const ports = { proxy, replicas: replicasPort, nameServer: await nameServer.start() };
  const haproxy = new Haproxy(ports);
  onTestFinished(() => haproxy.stop());
  const url = `http://127.0.0.1:${proxy}`;
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${KEY}` } });
  if (hosts.length > 0) {
    await vi.waitFor(async () => expect((await ask('/readyz')).status).toBe(200), PATIENCE);
  } else {
    await vi.waitFor(async () => expect((await ask('/readyz')).status).toBe(503), PATIENCE);
  }
  return { haproxy, replicas, ask, proxy, nameServer };
}

/** All that comes until it is closed. */
function answerOn(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => {}); // it may be reset
    socket.on('close', () => resolve(answer));
  });
}

/** What comes back for a request that no client would send so. */
function converse(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1', () => socket.write(text));
  return answerOn(socket);
}

describe('config/haproxy.cfg', () => {
  test('sends requests to the replica that is ready, and to those that live if none is', async () => {
    const { replicas, ask } = await aProxy();
    const [first, second] = replicas as [(typeof replicas)[0], (typeof replicas)[0]];
    const track = () => ask(`/calls/${ID}/track`, { method: 'POST' });
    const askedOf = ({ calls }: typeof first) => calls.asked.length;

    await vi.waitFor(async () => {
      expect((await track()).status).toBeLessThan(300);
      expect(replicas.map(askedOf)).toEqual([expect.any(Number), expect.any(Number)]);
      for (const replica of replicas) expect(askedOf(replica)).toBeGreaterThan(0);
    }, PATIENCE);

    first.state.reasons = ['Redis does not answer'];
    await vi.waitFor(async () => {
      const before = askedOf(first);
      for (let i = 0; i < 4; i++) expect((await track()).status).toBeLessThan(300);
      expect(askedOf(first)).toBe(before);
    }, PATIENCE);

    second.state.reasons = ['Redis does not answer'];
    await vi.waitFor(async () => {
      const before = askedOf(first);
      for (let i = 0; i < 4; i++) expect((await track()).status).toBeLessThan(300);
      expect(askedOf(first)).toBeGreaterThan(before);
    }, PATIENCE);
  });

  test.each([1, 2, 4])(
    'answers all requests while new replicas (%i) have a name and do not listen yet',
    async (count) => {
      const { haproxy, ask, nameServer } = await aProxy(['127.0.0.1']);
      const starting = Array.from({ length: count }, (_, i) => `127.0.0.${i + 2}`);
      nameServer.change(['127.0.0.1', ...starting]);
      // As HAProxy 2.6 and 3.2 log it.
      const found = () =>
        new Set(haproxy.output.match(/ready\/replica-\d.* IP .* to '?127\.0\.0\.[2-9]/g)).size;
      const statuses = new Set<number>();
      const askAgain = async () => {
        for (let i = 0; i < 20; i++) statuses.add((await ask('/readyz')).status);
      };
      await vi.waitFor(async () => {
        await askAgain();
        expect(found()).toBeGreaterThanOrEqual(count);
      }, PATIENCE);
      await askAgain();
      expect([...statuses]).toEqual([200]);
    },
  );

  test.each([
    'GET /metrics',
    'HEAD /metrics',
    'GET /metrics?a=b',
    'GET /metrics/',
    'GET /metrics%3Fa',
    'GET /%6detrics',
    'GET /%6D%65%74%72%69%63%73',
    'GET /metric%73?a=b',
    'GET /%256detrics',
    'GET //metrics',
    'GET /./metrics',
    'GET /livez/../metrics',
    'GET http://callkeeper/metrics',
    'GET http://callkeeper/%6detrics',
  ])('keeps the metrics from the outside, asked as %s', async (line) => {
    const { replicas, proxy } = await aProxy(['127.0.0.1']);
    const bytes = `${line} HTTP/1.1\r\nHost: callkeeper\r\nAuthorization: Bearer ${KEY}\r\nConnection: close\r\n\r\n`;
    const { status, body } = parseAnswer(await converse(proxy, bytes));
    expect(status).toBe(404);
    if (body !== '') expect(JSON.parse(body).type).toBe(problemType('route-not-found'));
    expect(replicas.map(({ state }) => state.renderings)).toEqual([0]);
  });

  test('answers a problem document with Retry-After if there is no replica', async () => {
    const { ask } = await aProxy([]);
    const answer = await ask('/calls');
    expect(answer.status).toBe(503);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await answer.json()).toMatchObject({ type: 'urn:callkeeper:problem:no-replica' });
  });

  test('waits for a slow body itself, and only for a limited time', async () => {
    const { proxy, replicas } = await aProxy();
    const head = `POST /calls/${ID}/track HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${KEY}\r\n`;
    const type = 'Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{';
    const { status, body } = parseAnswer(await converse(proxy, head + type));
    expect([status, JSON.parse(body).type]).toEqual([408, problemType('request-timeout')]);
    expect(replicas.map(({ calls }) => calls.asked)).toEqual([[], []]);
  });

  test('gives no address all connections', async () => {
    const { proxy } = await aProxy();
    const from = (localAddress: string) => {
      const socket = connect({ port: proxy, host: '127.0.0.1', localAddress });
      onTestFinished(() => void socket.destroy());
      return socket;
    };
    const flood = Array.from({ length: 2 * MOST_OF_ADDRESS }, () => answerOn(from('127.0.0.3')));
    const other = from('127.0.0.4');
    other.write('GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(await answerOn(other)).toContain('200 OK');
    // Those that were let in are answered 408 in the end.
    const refused = (await Promise.all(flood)).filter((answer) => answer === '');
    expect(refused.length).toBeGreaterThan(0);
  });

  test("passes on a replica's own problems, its Retry-After included", async () => {
    const { replicas, ask } = await aProxy();
    for (const { calls } of replicas) calls.fail('find', new Error('broken'));
    const answer = await ask(`/calls/${ID}`);
    expect([answer.status, ((await answer.json()) as { type: string }).type]).toEqual([
      500,
      problemType('internal-error'),
    ]);
  });

  test("sends the replica the client's address and the request's id, and trusts no client's headers", async () => {
    const { replicas, proxy } = await aProxy(['127.0.0.1']);
    const { logged } = replicas[0] as (typeof replicas)[0];
    const from = (localAddress: string, ...headers: string[]) => {
      const socket = connect({ port: proxy, host: '127.0.0.1', localAddress });
      const lines = [`POST /calls/${ID}/track HTTP/1.1`, 'Host: a', `Authorization: Bearer ${KEY}`];
      socket.write([...lines, 'Connection: close', ...headers, '', ''].join('\r\n'));
      return answerOn(socket);
    };
    const own = await from('127.0.0.3', 'X-Forwarded-For: 192.0.2.7', 'X-Request-Id: of-a-bot');
    expect(own).toMatch(/^x-request-id: of-a-bot\r$/im);
    const made = await from('127.0.0.4', `X-Request-Id: ${'x'.repeat(129)}`);
    const [, id = ''] = /^x-request-id: (\S{36})\r$/im.exec(made) ?? [];
    // A proxy in front of this one, which config/haproxy.cfg names.
    await from('127.0.0.1', 'X-Forwarded-For: 192.0.2.7', 'X-Request-Id: of-tls');
    const lines = logged.map((line) => JSON.parse(line)).filter(({ audit }) => audit);
    expect(lines.map(({ address, reqId }) => [address, reqId])).toEqual([
      ['127.0.0.3', 'of-a-bot'],
      ['127.0.0.4', id],
      ['192.0.2.7', 'of-tls'],
    ]);
  });

  test.each([
    ['two in one header', ['X-Request-Id: good,bad id']],
    ['two in one header, both sane', ['X-Request-Id: good,better']],
    ['one whose last part is sane', ['X-Request-Id: bad id, good']],
    ['two headers', ['X-Request-Id: good', 'X-Request-Id: better']],
    ['two headers, one not sane', ['X-Request-Id: good', 'X-Request-Id: bad id']],
    ['an empty header', ['X-Request-Id:']],
    ['one with a quote', ['X-Request-Id: go"od']],
  ])('makes an id of its own if a client sends %s', async (_, headers) => {
    const { haproxy, replicas, proxy } = await aProxy(['127.0.0.1']);
    const lines = [`POST /calls/${ID}/track HTTP/1.1`, 'Host: a', `Authorization: Bearer ${KEY}`];
    const request = [...lines, 'Connection: close', ...headers, '', ''].join('\r\n');
    const answer = await converse(proxy, request);
    const ids = [...answer.matchAll(/^x-request-id: (.*)\r$/gim)].map(([, id]) => id);
    expect(ids).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    const [{ logged }] = replicas as [(typeof replicas)[0]];
    const audited = logged.map((line) => JSON.parse(line)).filter(({ audit }) => audit);
    expect(audited.map(({ reqId }) => reqId)).toEqual(ids);
    // HAProxy's own log has the captured id in braces.
    await vi.waitFor(() => expect(haproxy.output).toContain(`{${ids[0]}}`), PATIENCE);
  });

  test('ends within its time although a stream of events is open', async () => {
    const { haproxy, ask } = await aProxy();
    const stream = await ask('/events');
    expect(stream.status).toBe(200);
    const ended = stream.text().catch(() => 'cut');
    await haproxy.softStop();
    await ended;
    expect(haproxy.output).toContain('performing a hard-stop');
  });
});
