import { createServer, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Simulator } from '../../src/simulator/simulator.ts';
import { HASTY, listen, makeApp, makeCall, makeGraph, trust } from './fixtures.ts';

let simulator: Simulator;
beforeEach(async () => {
  simulator = new Simulator();
  await simulator.start();
  trust(simulator.caCertificate);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await simulator.stop();
});

/** A proxy that tunnels (CONNECT) and forwards plain HTTP, and writes down what it is asked for. */
async function startProxy(authorization: string | null = null) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const { method, headers } = request;
    const onward = httpRequest(request.url ?? '', { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    if (authorization !== null && request.headers['proxy-authorization'] !== authorization) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const onward = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  const listener = await listen(() => {}, server);
  return { asked, listener, port: listener.port };
}

describe('a proxy', () => {
  test('is used for Graph and for tokens', async () => {
    const { asked, listener, port } = await startProxy();
    await using _ = listener;
    const url = `http://127.0.0.1:${port}`;
    const proxy = { http: url, https: url, no: null };
    const { graph } = makeGraph(makeApp(simulator), { proxy });
    const id = simulator.createCall();
    expect((await graph.send(makeCall(id))).kind).toBe('renewed');
    await graph.close();
    const authority = new URL(simulator.authorityHost).host;
    expect(asked.filter((line) => line === `CONNECT ${authority}`)).not.toHaveLength(0);
    expect(asked.at(-1)).toBe(
      `POST ${simulator.graphBaseUrl}/communications/calls/${id}/keepAlive`,
    );
  });

  test.each(['localhost,127.0.0.1', 'localhost 127.0.0.0/8', '*'])(
    'is not used where NO_PROXY is %s',
    async (no) => {
      const { asked, listener, port } = await startProxy();
      await using _ = listener;
      const url = `http://127.0.0.1:${port}`;
      const proxy = { http: url, https: url, no };
      const { graph } = makeGraph(makeApp(simulator), { proxy });
      expect((await graph.send(makeCall(simulator.createCall()))).kind).toBe('renewed');
      await graph.close();
      expect(asked).toEqual([]);
    },
  );

  test('in the environment is not used if the configuration names none', async () => {
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) {
      vi.stubEnv(name, 'http://127.0.0.1:1');
    }
    const { graph } = makeGraph(makeApp(simulator));
    expect((await graph.send(makeCall(simulator.createCall()))).kind).toBe('renewed');
    await graph.close();
  });

  test('gets the user and password of its URL, which no error repeats', async () => {
    const expected = `Basic ${Buffer.from('user:proxy-pass').toString('base64')}`;
    const { listener, port } = await startProxy(expected);
    await using _ = listener;
    const id = simulator.createCall();
    for (const [credentials, kind] of [
      ['user:proxy-pass', 'renewed'],
      ['user:wrong-pass', 'failed'],
    ]) {
      const proxy = { http: null, https: `http://${credentials}@127.0.0.1:${port}`, no: null };
      const { graph, lines } = makeGraph(makeApp(simulator), { proxy });
      const outcome = await graph.send(makeCall(id));
      await graph.close();
      expect(outcome.kind).toBe(kind);
      expect(JSON.stringify(outcome) + lines.join('')).not.toMatch(/wrong-pass|proxy-pass/);
      if (kind === 'failed') expect(JSON.stringify(outcome)).toContain('Proxy response (407)');
    }
  });

  test('that hangs holds no connection longer than the time limit', async () => {
    await using listener = await listen(() => {});
    const url = `http://127.0.0.1:${listener.port}`;
    const proxy = { http: url, https: url, no: null };
    const timeouts = { ...HASTY, tokenMs: 900 };
    const { graph } = makeGraph(makeApp(simulator), { proxy, connections: 1, timeouts });
    const outcome = await graph.send(makeCall(simulator.createCall()));
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'token' } });
    await graph.close();
  });
});
