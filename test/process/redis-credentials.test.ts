import { once } from 'node:events';
import { appendFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createServerIdentity } from '../../src/simulator/certificate.ts';
import { DEFAULT_SECRET, Simulator } from '../../src/simulator/simulator.ts';
import { objectIdOf } from '../../src/simulator/tokens.ts';
import { Machine } from '../graph/machine.ts';
import { EntraFront } from '../redis/entra-front.ts';
import { makeToken, verifyToken } from '../redis/entra-tokens.ts';
import { RedisServer } from '../redis/redis-server.ts';
import type { Replica } from './replica.ts';
import { CLIENT, TENANT, World } from './world.ts';

const LIFE_MS = 6_000;
const EXPIRIES = 10;
const PATIENT = { timeout: 180_000 };
const SOON = { timeout: 45_000, interval: 100 };
/** Redis is missed for 2.5 s before it counts as out, and each read blocks for less than a second. */
const PACE = { KEEPALIVE_INTERVAL: '20s', KEEPALIVE_DEADLINE: '60s' };

async function newWorld(): Promise<World> {
  const world = await new World().start();
  onTestFinished(() => world.stop());
  return world;
}

async function aServer(): Promise<RedisServer> {
  const server = new RedisServer();
  await server.start();
  onTestFinished(() => server.stop());
  return server;
}

/** A Redis that takes Entra's tokens alone, with a certificate that replicas of the world trust. */
async function aFront(world: World): Promise<EntraFront> {
  const identity = await createServerIdentity();
  appendFileSync(join(world.directory, 'ca.pem'), `\n${identity.ca}`);
  const front = new EntraFront(await aServer(), identity, verifyToken);
  await front.start();
  onTestFinished(() => front.stop());
  return front;
}

/** Entra for Redis alone: Graph's tokens are none of its concern. */
async function anEntra(world: World): Promise<Simulator> {
  const entra = new Simulator({ tokenLifetimeMs: LIFE_MS });
  await entra.start();
  appendFileSync(join(world.directory, 'ca.pem'), `\n${entra.caCertificate}`);
  onTestFinished(() => entra.stop());
  return entra;
}

/** An Entra that takes requests, and answers none. */
async function aMuteEntra(world: World) {
  const { ca, certificate: cert, key } = await createServerIdentity();
  appendFileSync(join(world.directory, 'ca.pem'), `\n${ca}`);
  const server = createServer({ cert, key }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { authorityHost: `https://localhost:${port}`, asked: once(server, 'request') };
}

const byApp = (front: EntraFront, entra: Simulator) => ({
  REDIS_URL: `rediss://localhost:${front.port}`,
  REDIS_AUTH: 'entra',
  REDIS_ENTRA_CLIENT_ID: CLIENT,
  REDIS_ENTRA_TENANT_ID: TENANT,
  REDIS_ENTRA_CLIENT_SECRET: DEFAULT_SECRET,
  REDIS_ENTRA_AUTHORITY_HOST: entra.authorityHost,
});

const readiness = async (replica: Replica) => (await replica.request('GET', '/readyz')).status;

interface Connection {
  readonly id: string;
  readonly name: string;
}
/** As the real server numbers them. */
const idsOf = (connections: readonly Connection[]) => connections.map(({ id }) => id).sort();

/** For commands (two), the event feed, and a worker (two), of which BullMQ names one. */
const NAMES = [
  'callkeeper',
  'callkeeper',
  'callkeeper-blocking',
  'callkeeper-blocking',
  expect.stringMatching(/^\{callkeeper:1\}:/),
];

/** The connections of a replica when all are there, and none that BullMQ opens and closes again. */
async function settled(connections: () => Promise<Connection[]>): Promise<string[]> {
  const names = async () => (await connections()).map(({ name }) => name).sort();
  await expect.poll(names, SOON).toEqual(NAMES);
  return idsOf(await connections());
}

/** Watches `/readyz` until the Redis has seen so many tokens. */
async function outlive(replica: Replica, front: EntraFront, tokens: number): Promise<void> {
  while (front.tokens < tokens) {
    expect(await readiness(replica)).toBe(200);
    await sleep(100);
  }
}

function expectNoSecrets(replica: Replica): void {
  expect(replica.output).not.toContain(DEFAULT_SECRET);
  expect(replica.output).not.toContain('eyJ'); // how each token begins
}

test(
  'tokens of an app expire ten times: no connection is replaced, and all are ready',
  PATIENT,
  async () => {
    const world = await newWorld();
    const [front, entra] = [await aFront(world), await anEntra(world)];
    const replica = await world.replica({ ...PACE, ...byApp(front, entra) }).ready();
    await expect.poll(() => readiness(replica), SOON).toBe(200);
    const before = await settled(() => front.connections());
    await outlive(replica, front, EXPIRIES + 1);
    expect(idsOf(await front.connections())).toEqual(before);
    expect(front.refused).toBe(0);
    expect(replica.output).not.toContain('Redis does not serve');
    const [token] = entra.ledger.tokens;
    expect(token).toMatchObject({ clientId: CLIENT, tenantId: TENANT, answer: 200 });
    expectNoSecrets(replica);
  },
);

test('a managed identity of the host does as well', PATIENT, async () => {
  const world = await newWorld();
  const front = await aFront(world);
  const machine = await new Machine().start();
  onTestFinished(() => machine.stop());
  machine.lifetimeMs = LIFE_MS;
  machine.mint = (id, expiresAt) => makeToken(objectIdOf(id), expiresAt);
  const env = {
    REDIS_URL: `rediss://localhost:${front.port}`,
    REDIS_AUTH: 'entra',
    REDIS_ENTRA_CLIENT_ID: CLIENT,
    IDENTITY_ENDPOINT: `${machine.origin}/msi/token`,
    IDENTITY_HEADER: 'the-header',
  };
  const replica = await world.replica({ ...PACE, ...env }).ready();
  await expect.poll(() => readiness(replica), SOON).toBe(200);
  const before = await settled(() => front.connections());
  await outlive(replica, front, 3);
  expect(idsOf(await front.connections())).toEqual(before);
  const query = { resource: 'https://redis.azure.com', client_id: CLIENT };
  expect(machine.asked[0]).toMatchObject({ query });
  expectNoSecrets(replica);
});

test('a workload identity serves too: a token of another issuer, in a file', PATIENT, async () => {
  const world = await newWorld();
  const [front, entra] = [await aFront(world), await anEntra(world)];
  entra.clients.acceptFederatedToken('of-the-cluster');
  const path = join(world.directory, 'federated-token');
  writeFileSync(path, 'of-the-cluster\n');
  const { REDIS_ENTRA_CLIENT_SECRET: _, ...env } = byApp(front, entra);
  const replica = world.replica({ ...PACE, ...env, REDIS_ENTRA_FEDERATED_TOKEN_FILE: path });
  await replica.ready();
  await expect.poll(() => readiness(replica), SOON).toBe(200);
  await outlive(replica, front, 2);
  expect(replica.output).not.toContain('of-the-cluster');
  expectNoSecrets(replica);
});

test(
  'without Entra the calls go on from memory, and all is well when it is back',
  PATIENT,
  async () => {
    const world = await newWorld();
    const [front, entra] = [await aFront(world), await anEntra(world)];
    const replica = await world.replica(byApp(front, entra)).ready();
    const id = world.simulator.createCall();
    await replica.request('POST', `/calls/${id}/track`);
    await entra.entraDown();
    const out = /^Redis is out: no token for Redis: \S/;
    await expect
      .poll(async () => (await replica.request('GET', '/readyz')).body.reasons, SOON)
      .toContainEqual(expect.stringMatching(out));
    await replica.logged('Redis is out');
    const renewed = () => replica.metric('callkeeper_keepalives_total{outcome="renewed"}');
    const before = await renewed();
    await expect.poll(renewed, SOON).toBeGreaterThan(before + 1);
    await entra.entraUp();
    await expect.poll(() => readiness(replica), SOON).toBe(200);
    const { body } = await replica.request('GET', `/calls/${id}`);
    expect(body).toMatchObject({ state: 'tracked', durable: true });
    expectNoSecrets(replica);
  },
);

test(
  'with Entra out from the start, the API is there, and Redis when Entra is',
  PATIENT,
  async () => {
    const world = await newWorld();
    const [front, entra] = [await aFront(world), await anEntra(world)];
    const env = byApp(front, entra);
    await entra.entraDown();
    const replica = world.replica(env);
    await replica.logged('listening');
    await replica.logged('Redis is out');
    const [what] = (await replica.request('GET', '/readyz')).body.reasons;
    expect(what).toMatch(/^Redis is out: no token for Redis: .*ECONNREFUSED/);
    await entra.entraUp();
    await expect.poll(() => readiness(replica), SOON).toBe(200);
  },
);

test(
  'while Entra hangs, readyz and the board name the token, and a stop does not wait',
  PATIENT,
  async () => {
    const world = await newWorld();
    const [front, entra] = [await aFront(world), await aMuteEntra(world)];
    // A token may then take 15 s.
    const slow = { KEEPALIVE_INTERVAL: '15m', KEEPALIVE_DEADLINE: '45m' };
    const authority = { REDIS_ENTRA_AUTHORITY_HOST: entra.authorityHost };
    const replica = world.replica({ ...byApp(front, world.simulator), ...slow, ...authority });
    await entra.asked;
    await replica.logged('listening');
    const why = 'no token for Redis: waiting for the first one';
    const readyz = await replica.request('GET', '/readyz');
    expect(readyz.body.reasons).toContain(`waiting for Redis: ${why}`);
    const { body } = await replica.request('GET', '/overview');
    expect(body).toMatchObject({ redis: { up: false, cause: why } });
    expect(await replica.stop()).toBe(0);
    expect(replica.output).not.toMatch(/no token.*(?:timeout|in time|ms)/i);
  },
);

test('a password that is rotated in REDIS_URL_FILE replaces no connection', PATIENT, async () => {
  const world = await newWorld();
  const redis = await aServer();
  const user = (...rules: string[]) =>
    redis.client.acl('SETUSER', 'app', 'on', '~*', '&*', '+@all', '-acl', '-config', ...rules);
  await user('>old-one');
  const path = join(world.directory, 'redis-url');
  const write = (password: string) => {
    world.replaceFile(path, `redis://app:${password}@127.0.0.1:${redis.port}\n`);
  };
  write('old-one');
  const replica = await world.replica({ ...PACE, REDIS_URL_FILE: path }).ready();
  await expect.poll(() => readiness(replica), SOON).toBe(200);
  const connections = async () => {
    const list = String(await redis.client.client('LIST'));
    const ours = list.matchAll(/^id=(\d+) .* name=(\S*) .* user=app /gm);
    return [...ours].map(([, id = '', name = '']) => ({ id, name }));
  };
  const before = await settled(connections);
  await user('>new-one');
  write('new-one');
  await replica.logged('the user and the password of Redis were read again');
  await user('<old-one');
  for (let i = 0; i < 20; i++) expect(await readiness(replica)).toBe(200);
  expect(idsOf(await connections())).toEqual(before);
  // Those that are cut come back with the new one.
  await redis.client.client('KILL', 'USER', 'app');
  await expect.poll(async () => (await connections()).length, SOON).toBe(5);
  await expect.poll(() => readiness(replica), SOON).toBe(200);
  for (const secret of ['old-one', 'new-one']) expect(replica.output).not.toContain(secret);
});

test(
  'a REDIS_URL_FILE that names another Redis changes nothing, and is logged',
  PATIENT,
  async () => {
    const world = await newWorld();
    const redis = await aServer();
    const path = join(world.directory, 'redis-url');
    writeFileSync(path, redis.url);
    const replica = await world.replica({ ...PACE, REDIS_URL_FILE: path }).ready();
    world.replaceFile(path, 'redis://:s3cret-one@elsewhere.example');
    const line = await replica.logged(
      'REDIS_URL_FILE is faulty: the user and the password of Redis stay as they are',
    );
    expect(line).toMatchObject({ faults: ['names another Redis: restart the replica to use it'] });
    expect(await replica.metric('callkeeper_reload_successful{file="redis-url"}')).toBe(0);
    expect(await readiness(replica)).toBe(200);
    expect(replica.output).not.toContain('s3cret-one');
    // A sidecar that rotates the file may signal every replica.
    replica.signal('SIGHUP');
    await replica.logged('reading the files again');
    expect(await readiness(replica)).toBe(200);
  },
);
