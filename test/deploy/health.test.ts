import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../free-port.ts';
import { anApp } from '../http/fixture.ts';

const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
const [, command = '[]'] = /HEALTHCHECK[^[]*CMD (\[.*\])/.exec(dockerfile) ?? [];

/** Runs the image's HEALTHCHECK in its working directory. */
function check(env: Record<string, string>, args: readonly string[] = []) {
  const [program, ...rest] = JSON.parse(command) as [string, ...string[]];
  const options = { env: { PATH: process.env.PATH ?? '', ...env } };
  return new Promise<{ code: number; output: string }>((resolve) => {
    execFile(program, [...rest, ...args], options, (error, stdout) => {
      resolve({ code: Number(error?.code ?? 0), output: stdout });
    });
  });
}

async function aServer(answer: RequestListener): Promise<Record<string, string>> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { PORT: String((server.address() as AddressInfo).port) };
}

/** A byte now and then, for as long as the connection lives. */
function trickle(response: ServerResponse): void {
  const timer = setInterval(() => response.write('.'), 100);
  response.on('close', () => clearInterval(timer));
}

describe("the image's HEALTHCHECK", () => {
  test('starts no Node', () => {
    expect(JSON.parse(command)).toEqual(['bash', 'config/docker/health']);
    const script = readFileSync(new URL('../../config/docker/health', import.meta.url), 'utf8');
    expect(script.replaceAll(/^#.*/gm, '')).not.toMatch(/node/i);
  });

  test.each(['0.0.0.0', '127.0.0.1', '127.0.0.2', '::', '::1', 'localhost'])(
    'asks a replica with HOST=%s',
    async (HOST) => {
      const state = { reasons: [] as string[] };
      const { app } = await anApp({ ready: () => state.reasons });
      const listened = HOST === 'localhost' ? '127.0.0.1' : HOST;
      await app.listen({ host: listened, port: 0 });
      const env = { HOST, PORT: String((app.server.address() as AddressInfo).port) };
      expect(await check(env)).toMatchObject({ code: 0 });
      expect(await check(env, ['readyz'])).toMatchObject({ code: 0 });
      state.reasons = ['Redis does not answer'];
      expect(await check(env)).toMatchObject({ code: 0 });
      const unready = await check(env, ['readyz']);
      expect(unready.code).toBe(1);
      expect(unready.output).toContain('Redis does not answer');
    },
  );

  test('fails if nobody listens', async () => {
    expect(await check({ PORT: String(await freePort()) })).toMatchObject({ code: 1 });
  });

  test.each<[string, RequestListener]>([
    ['an error', (_, response) => response.writeHead(500).end('200 OK')],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/' }).end()],
    ['a connection that is cut', (request) => request.socket.destroy()],
    ['no answer', () => undefined],
    ['without end', (_, response) => void response.writeHead(200).write('{"status":"ready"}')],
    ['without end and trickles', (_, response) => trickle(response.writeHead(200))],
  ])('fails if the answer is %s', async (_, answer) => {
    expect(await check(await aServer(answer))).toMatchObject({ code: 1 });
  });
});
