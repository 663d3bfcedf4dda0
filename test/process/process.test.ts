import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, onTestFinished, test, vi } from 'vitest';
import { REPLICAS_KEY } from '../../src/store/keys.ts';
import { RedisServer, redisForFile } from '../redis/redis-server.ts';
import { Replica } from './replica.ts';
import { CLIENT, World } from './world.ts';

const redis = redisForFile();
const PATIENCE = { timeout: 60_000, interval: 100 };
const SLOW = { timeout: 90_000 };

async function newWorld(): Promise<World> {
  await redis.flush();
  const world = await new World().start();
  onTestFinished(() => world.stop());
  return world;
}

test(
  'an unusable environment is reported with all faults and no secrets, with exit code 2',
  SLOW,
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'callkeeper-env-'));
    const env = { PORT: 'http', KEEPALIVE_INTERVAL: '1d', API_KEYS: 'too-short-to-be-a-key' };
    const replica = new Replica(env, directory);
    expect(await replica.exit()).toBe(2);
    for (const name of ['PORT', 'KEEPALIVE_INTERVAL', 'API_KEYS', 'AZURE_TENANT_ID']) {
      expect(replica.stderr).toContain(name);
    }
    expect(replica.stderr).not.toContain('too-short-to-be-a-key');
  },
);

test.each<[string, Record<string, string>]>([
  ['no REDIS_URL', {}],
  ['an empty REDIS_URL', { REDIS_URL: '' }],
])('%s is a fault if there is no redis-server, with exit code 2', SLOW, async (_, env) => {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-env-'));
  const replica = new Replica({ ...env, PATH: directory }, directory);
  expect(await replica.exit()).toBe(2);
  expect(replica.stderr).toContain('REDIS_URL is not set, and there is no redis-server');
  // All faults, not only this one.
  expect(replica.stderr).toContain('AZURE_TENANT_ID is not set');
});

test('a .env file beside it is read', SLOW, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-env-'));
  writeFileSync(join(directory, '.env'), 'LOG_LEVEL=loud\n');
  const replica = new Replica({ LOG_LEVEL: '' }, directory);
  expect(await replica.exit()).toBe(2);
  expect(replica.stderr).toContain('AZURE_TENANT_ID is not set');
});

test('a .env that is a directory is reported with the other faults', SLOW, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-env-'));
  mkdirSync(join(directory, '.env'));
  const replica = new Replica({}, directory);
  expect(await replica.exit()).toBe(2);
  expect(replica.stderr).toContain('.env is not a regular file: correct or remove it');
  expect(replica.stderr).toContain('AZURE_TENANT_ID is not set');
  expect(replica.stderr).not.toContain('    at ');
});

test('a failure that a library leaves unhandled does not end a replica', SLOW, async () => {
  const world = await newWorld();
  const rejects = 'process.once("SIGUSR2", () => void Promise.reject(new Error("left alone")))';
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(rejects)}`;
  const replica = await world.replica({ NODE_OPTIONS }).ready();
  replica.signal('SIGUSR2');
  const { err } = await replica.logged('unhandled failure');
  expect(err).toMatchObject({ message: 'left alone' });
  await vi.waitFor(async () => {
    expect((await replica.request('GET', '/readyz')).status).toBe(200);
  }, PATIENCE);
});

test('a Redis that is not there yet is waited for, alive but not ready', SLOW, async () => {
  const world = await newWorld();
  const late = new RedisServer();
  onTestFinished(() => late.stop());
  await late.start();
  await late.kill();
  const replica = world.replica({ REDIS_URL: late.url });
  await replica.logged('listening');
  expect((await replica.request('GET', '/livez')).status).toBe(200);
  expect((await replica.request('GET', '/readyz')).status).toBe(503);

  await late.restart();
  await vi.waitFor(async () => {
    expect((await replica.request('GET', '/readyz')).status).toBe(200);
  }, PATIENCE);
});

test('a Redis that evicts is refused, with the way to mend it', SLOW, async () => {
  const world = await newWorld();
  const evicting = new RedisServer(['--maxmemory-policy', 'allkeys-lru']);
  onTestFinished(() => evicting.stop());
  await evicting.start();
  const replica = world.replica({ REDIS_URL: evicting.url });
  expect(await replica.exit()).toBe(1);
  expect(replica.output).toContain('maxmemory-policy noeviction');
});

test('SIGTERM ends a replica with exit code 0, its visits handed on', SLOW, async () => {
  const world = await newWorld();
  const replica = await world.replica({ REDIS_URL: redis.url }).ready();
  const id = world.simulator.createCall();
  await replica.request('POST', `/calls/${id}/track`);
  expect(await replica.stop()).toBe(0);
  expect(await redis.client.zcard(REPLICAS_KEY)).toBe(0);
});

test('a second SIGTERM changes nothing, a second Ctrl-C ends a replica at once', SLOW, async () => {
  const world = await newWorld();
  const replica = await world
    .replica({ REDIS_URL: redis.url, KEEPALIVE_INTERVAL: '10m', KEEPALIVE_DEADLINE: '40m' })
    .ready();
  const id = world.simulator.createCall();
  world.simulator.graphFaults.set({ kind: 'hang' });
  await replica.request('POST', `/calls/${id}/track`);
  await vi.waitFor(() => expect(world.simulator.ledger.of(id)).toHaveLength(1), PATIENCE);
  replica.signal('SIGTERM');
  await replica.logged('stopping');
  replica.signal('SIGTERM');
  // Also of one Ctrl-C a terminal and npm may each send a signal: that is a repeat for a while.
  const hurry = setInterval(() => replica.signal('SIGINT'), 100);
  expect(await replica.exit().finally(() => clearInterval(hurry))).toBe(1);
});

test('SIGTERM from several at once ends a replica with exit code 0', SLOW, async () => {
  const world = await newWorld();
  const replica = await world.replica({ REDIS_URL: redis.url }).ready();
  const repeat = setInterval(() => replica.signal('SIGTERM'), 5);
  expect(await replica.exit().finally(() => clearInterval(repeat))).toBe(0);
});

test('with no REDIS_URL the calls are there again after a restart', SLOW, async () => {
  const world = await newWorld();
  const before = await world.replica({}).ready();
  const id = world.simulator.createCall();
  await before.request('POST', `/calls/${id}/track`);
  expect(await before.stop()).toBe(0);

  const after = await world.replica({}).ready();
  expect((await after.request('GET', `/calls/${id}`)).body.state).toBe('tracked');
  const posted = world.simulator.ledger.of(id).length;
  await vi.waitFor(
    () => expect(world.simulator.ledger.of(id).length).toBeGreaterThan(posted),
    PATIENCE,
  );
});

test('a replica that was killed leaves a Redis that the next one takes over', SLOW, async () => {
  const world = await newWorld();
  const killed = await world.replica({}).ready();
  const id = world.simulator.createCall();
  await killed.request('POST', `/calls/${id}/track`);
  await killed.stored(id);
  killed.signal('SIGKILL');
  await killed.exit();

  const next = await world.replica({}).ready();
  expect((await next.request('GET', `/calls/${id}`)).body.state).toBe('tracked');
});

test(
  "with NOTIFICATIONS_JWT notifications want Graph's token, beside the API key",
  SLOW,
  async () => {
    const world = await newWorld();
    const { privateKey, publicKey } = await generateKeyPair('RS256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256' };
    const keys = createServer((request, response) => {
      const jwks_uri = `http://${request.headers.host}/keys`;
      response.end(JSON.stringify(request.url === '/keys' ? { keys: [jwk] } : { jwks_uri }));
    });
    onTestFinished(() => void keys.close());
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
    const { port } = keys.address() as AddressInfo;
    const key = 'a-key-of-at-least-24-characters';
    const replica = await world
      .replica({
        REDIS_URL: redis.url,
        API_KEYS: key,
        NOTIFICATIONS_JWT: 'required',
        NOTIFICATIONS_OPENID_URL: `http://127.0.0.1:${port}/openid`,
      })
      .ready();
    const token = (audience: string) =>
      new SignJWT({ iss: 'https://api.botframework.com', aud: audience })
        .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
        .setExpirationTime('1h')
        .sign(privateKey);
    const notify = async (headers: Record<string, string>) => {
      const given = { authorization: `Bearer ${key}`, ...headers };
      return (await replica.request('POST', '/notifications', { value: [] }, given)).status;
    };
    const graphs = async (audience: string) => ({
      'x-forwarded-authorization': `Bearer ${await token(audience)}`,
    });
    expect(await notify(await graphs(CLIENT))).toBe(202);
    expect(await notify(await graphs('another'))).toBe(401);
    expect(await notify({})).toBe(401);
    expect(await notify({ ...(await graphs(CLIENT)), authorization: 'Bearer none' })).toBe(401);
  },
);

test('a log that nobody reads stops neither the keepAlives nor the end', SLOW, async () => {
  const world = await newWorld();
  const replica = await world.replica({ REDIS_URL: redis.url }).ready();
  const id = world.simulator.createCall();
  await replica.request('POST', `/calls/${id}/track`);
  replica.leaveLogUnread();
  // Some lines a call: far more than fits into a pipe.
  const calls = Array.from({ length: 1_000 }, () => ({ id: randomUUID() }));
  for (let round = 0; round < 6; round++) {
    expect((await replica.request('POST', '/calls/track', { calls })).status).toBe(200);
  }
  const posted = () => world.simulator.ledger.of(id).length;
  const before = posted();
  await vi.waitFor(() => expect(posted()).toBeGreaterThan(before + 1), PATIENCE);
  await vi.waitFor(async () => {
    expect((await replica.request('GET', '/readyz')).status).toBe(200);
  }, PATIENCE);
  // By SIGKILL, in the end: Node's own exit would wait for the reader.
  expect(await replica.stop()).toBeNull();
});

test('no secret is in the log', SLOW, async () => {
  const world = await newWorld();
  const key = 'a-key-of-at-least-24-characters';
  const replica = await world.replica({ REDIS_URL: redis.url, API_KEYS: key }).ready();
  expect((await replica.request('GET', '/calls')).status).toBe(401);
  await replica.stop();
  expect(replica.output).not.toContain(key);
  expect(replica.output).not.toContain(world.env().AZURE_CLIENT_SECRET);
});

test.each([
  ['refuses it', []],
  [
    'repeats it, as it knows no such command',
    ['--rename-command', 'HELLO', '', '--rename-command', 'AUTH', ''],
  ],
  ['is not there', null],
])('the password of a Redis that %s is not in the log', SLOW, async (_, options) => {
  const world = await newWorld();
  const server = new RedisServer(options ?? []);
  await server.start();
  onTestFinished(() => server.stop());
  const url = new URL(server.url);
  url.username = 'callkeeper';
  url.password = 'pass-word';
  if (options === null) await server.kill();
  const replica = world.replica({ REDIS_URL: url.href, LOG_LEVEL: 'trace' });
  const line = await replica.logged('redis connection');
  expect(JSON.stringify(line.err)).toMatch(/WRONGPASS|unknown command|ECONNREFUSED/);
  await replica.logged('Redis gives no answer');
  await replica.stop();
  expect(replica.output).not.toContain('pass-word');
});
