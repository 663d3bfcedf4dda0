import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { expect, onTestFinished, test, vi } from 'vitest';
import { hashOf } from '../../src/access/key-ring.ts';
import { DEFAULT_SECRET, type SimulatorOptions } from '../../src/simulator/simulator.ts';
import { Link } from '../faults/link.ts';
import { redisForFile } from '../redis/redis-server.ts';
import type { Replica } from './replica.ts';
import { CLIENT, TENANT, World } from './world.ts';

const redis = redisForFile();
const PATIENCE = { timeout: 60_000, interval: 50 };
const SLOW = { timeout: 180_000 };

/** 202: Redis was slow, and learns of it later. */
const TRACKED = [201, 202];
const STOPPED = [204, 202];

const API = '33333333-3333-4333-8333-333333333333';
const ID = '2e1a0b00-2db4-4022-9570-243709c565ab';
const [OLD, NEW, LOOKER] = [0, 1, 2].map(() => randomBytes(24).toString('base64url')) as [
  string,
  string,
  string,
];
const bot = (...keys: string[]) => client('bot', keys, '[read, track]', '[reception]');
const looker = client('looker', [LOOKER], '[read]');

function client(name: string, keys: readonly string[], scopes: string, apps?: string): string {
  const hashes = keys.map((key) => `{ hash: sha256:${hashOf(key)} }`).join(', ');
  const limited = apps === undefined ? '' : `    apps: ${apps}\n`;
  return `  - name: ${name}\n    keys: [${hashes}]\n    scopes: ${scopes}\n${limited}`;
}

class AccessWorld extends World {
  readonly path = join(this.directory, 'access.yaml');

  write(...clients: string[]): void {
    this.replaceFile(this.path, `clients:\n${clients.join('')}`);
  }

  /** Of the simulated Entra, for a bot that asks for one for this API. */
  async token(): Promise<string> {
    const dispatcher = new Agent({ connect: { ca: this.simulator.caCertificate } });
    const url = `${this.simulator.authorityHost}/${TENANT}/oauth2/v2.0/token`;
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: CLIENT,
      client_secret: DEFAULT_SECRET,
      scope: `api://${API}/.default`,
    });
    const answer = await fetch(url, { method: 'POST', body, dispatcher });
    const { access_token } = (await answer.json()) as { access_token: string };
    await dispatcher.close();
    return access_token;
  }

  /** With the apps `default` and `reception`. */
  guarded(redisUrl = redis.url): Replica {
    writeFileSync(join(this.directory, 'secret'), DEFAULT_SECRET);
    const app = (name: string) => `  - name: ${name}
    default: ${name === 'default'}
    tenantId: ${TENANT}
    clientId: ${CLIENT}
    credential: { clientSecretFile: secret }
`;
    const apps = join(this.directory, 'apps.yaml');
    writeFileSync(apps, `apps:\n${app('default')}${app('reception')}`);
    return this.replica({
      AZURE_TENANT_ID: '',
      AZURE_CLIENT_ID: '',
      AZURE_CLIENT_SECRET: '',
      REDIS_URL: redisUrl,
      APPS_FILE: apps,
      ACCESS_FILE: this.path,
    });
  }
}

async function aWorld(options: SimulatorOptions = {}): Promise<AccessWorld> {
  // What another test has tracked may still be there, if the machine is slow.
  await redis.flush();
  const world = new AccessWorld(options);
  onTestFinished(() => world.stop());
  await world.start();
  return world;
}

const statusOf = async (replica: Replica, key: string, method = 'GET', path = '/calls') =>
  (await replica.request(method, path, undefined, { authorization: `Bearer ${key}` })).status;

test('keys are rotated and revoked by their file, while the replica runs', SLOW, async () => {
  const world = await aWorld();
  world.write(bot(OLD), looker);
  const replica = await world.guarded().ready();
  const statuses = () => Promise.all([OLD, NEW, LOOKER].map((key) => statusOf(replica, key)));
  expect(await statuses()).toEqual([200, 401, 200]);

  world.write(bot(OLD, NEW), looker);
  replica.signal('SIGHUP');
  await vi.waitFor(async () => expect(await statuses()).toEqual([200, 200, 200]), PATIENCE);

  world.write(bot(NEW), 'no client');
  replica.signal('SIGHUP');
  const { faults } = await replica.logged('ACCESS_FILE is faulty: the keys stay as they are');
  expect(faults).toEqual([expect.stringMatching(/^line \d+: this is not valid YAML/)]);
  expect(await statuses()).toEqual([200, 200, 200]);

  // Seen without being told.
  world.write(bot(NEW));
  await vi.waitFor(async () => expect(await statuses()).toEqual([401, 200, 401]), PATIENCE);

  const reloads = (outcome: string) =>
    replica.metric(`callkeeper_access_reloads_total{outcome="${outcome}"}`);
  expect(await reloads('success')).toBeGreaterThanOrEqual(2);
  expect(await reloads('failure')).toBeGreaterThanOrEqual(1);
  for (const key of [OLD, NEW, LOOKER]) {
    expect(replica.output).not.toContain(key);
    expect(replica.output).not.toContain(hashOf(key));
  }
});

test("a bot of one app sees and touches its own calls, and no one else's", SLOW, async () => {
  const world = await aWorld();
  const [mineId, othersId] = [world.simulator.createCall(), world.simulator.createCall()];
  world.write(bot(NEW), client('all', [OLD], '[admin]'), looker);
  const replica = await world.guarded().ready();
  const as = (key: string, method: string, path: string, body?: unknown) =>
    replica.request(method, path, body, { authorization: `Bearer ${key}` });
  expect(TRACKED).toContain((await as(OLD, 'POST', `/calls/${othersId}/track`)).status);
  expect((await as(NEW, 'POST', `/calls/${mineId}/track`)).status).toBe(403);
  const mine = await as(NEW, 'POST', `/calls/${mineId}/track`, { app: 'reception' });
  expect([TRACKED.includes(mine.status), mine.body.app]).toEqual([true, 'reception']);

  const { body } = await as(NEW, 'GET', '/calls');
  expect(body).toMatchObject({ calls: [{ id: mineId }], next: null });
  expect((await as(NEW, 'GET', `/calls/${othersId}`)).status).toBe(404);
  expect((await as(NEW, 'POST', `/calls/${othersId}/keepAlive`)).status).toBe(404);
  expect(STOPPED).toContain((await as(NEW, 'DELETE', `/calls/${othersId}/track`)).status);
  expect((await as(OLD, 'GET', `/calls/${othersId}`)).body.state).toBe('tracked');
  expect((await as(LOOKER, 'GET', '/calls')).body.calls).toHaveLength(2);
  expect((await as(LOOKER, 'DELETE', `/calls/${mineId}/track`)).status).toBe(403);

  const line = (of: object) => expect.objectContaining({ audit: true, ...of });
  const created = { principal: 'bot', action: 'track', call: mineId, outcome: 'created' };
  const denied = { principal: 'looker', action: 'denied', outcome: 'forbidden' };
  await vi.waitFor(() => {
    expect(replica.log).toContainEqual(line(created));
    expect(replica.log).toContainEqual(line(denied));
  }, PATIENCE);
  expect(await replica.metric('callkeeper_requests_denied_total{reason="forbidden"}')).toBe(2);
});

test('a faulty file stops the start, with each fault and no key', SLOW, async () => {
  const world = await aWorld();
  world.write(`  - name: bot\n    keys: [{ hash: ${OLD} }]\n    scopes: [write]\n`);
  const replica = world.guarded();
  expect(await replica.exit()).toBe(2);
  expect(replica.stderr).toContain(
    'ACCESS_FILE: line 3: clients[0].keys[0].hash must be sha256: and 64 hex digits in lower case, the hash of a key',
  );
  expect(replica.stderr).toContain(
    'ACCESS_FILE: line 4: clients[0].scopes[0] must be one of read, track, admin',
  );
  expect(replica.stderr).not.toContain(OLD);
});

test("a bot comes in by Entra's token, also while Entra is out", SLOW, async () => {
  const world = await aWorld({ apiRoles: ['Callkeeper.Track'] });
  const token = await world.token();
  const env = { REDIS_URL: redis.url, ENTRA_AUDIENCES: API, ENTRA_TENANTS: TENANT };
  const early = await world.replica(env).ready();
  expect(TRACKED).toContain(await statusOf(early, token, 'POST', `/calls/${ID}/track`));
  expect(await statusOf(early, token)).toBe(403);
  expect(await statusOf(early, `${token.slice(0, -8)}AAAAAAAA`)).toBe(401);
  await vi.waitFor(() => {
    const by = { audit: true, principal: `entra:${CLIENT}`, action: 'track', call: ID };
    expect(early.log).toContainEqual(expect.objectContaining(by));
  }, PATIENCE);

  await world.simulator.entraDown();
  expect(STOPPED).toContain(await statusOf(early, token, 'DELETE', `/calls/${ID}/track`));
  const late = await world.replica(env).ready();
  const track = { path: `/calls/${ID}/track`, headers: { authorization: `Bearer ${token}` } };
  const refused = await late.request('POST', track.path, undefined, track.headers);
  expect([refused.status, refused.body.type]).toEqual([
    503,
    'urn:callkeeper:problem:entra-keys-unavailable',
  ]);
  const readiness = async () => (await late.request('GET', '/readyz')).status;
  await vi.waitFor(async () => expect(await readiness()).toBe(200), PATIENCE);
  await world.simulator.entraUp();
  const accepted = () => statusOf(late, token, 'POST', track.path);
  await vi.waitFor(async () => expect(TRACKED).toContain(await accepted()), PATIENCE);
  expect(late.output).not.toContain(token);
});

test('a bot of one app stops calls that only a replica without Redis knows', SLOW, async () => {
  const world = await aWorld();
  const other = client('other', [NEW], '[track]', '[default]');
  world.write(bot(OLD), other, looker);
  const link = await Link.to(Number(new URL(redis.url).port));
  onTestFinished(() => link.refuse());
  const cutOff = await world.guarded(`redis://127.0.0.1:${link.port}`).ready();
  const replica = await world.guarded().ready();
  await link.refuse();
  await cutOff.logged('Redis is out');

  const [mine, others] = [world.simulator.createCall(), world.simulator.createCall()];
  const track = (id: string) => `/calls/${id}/track`;
  expect(await statusOf(cutOff, OLD, 'POST', `${track(mine)}?`)).toBe(403); // of the default app
  const body = { app: 'reception' };
  const asBot = { authorization: `Bearer ${OLD}` };
  expect((await cutOff.request('POST', track(mine), body, asBot)).status).toBe(202);
  expect(await statusOf(cutOff, NEW, 'POST', track(others))).toBe(202);
  for (const id of [mine, others]) {
    expect(STOPPED).toContain(await statusOf(replica, OLD, 'DELETE', track(id)));
  }

  await link.accept();
  const stateOf = async (id: string) => {
    const { body: call } = await replica.request('GET', `/calls/${id}`, undefined, {
      authorization: `Bearer ${LOOKER}`,
    });
    return call.state;
  };
  await vi.waitFor(async () => {
    expect([await stateOf(mine), await stateOf(others)]).toEqual(['untracked', 'tracked']);
  }, PATIENCE);
  const posted = () => world.simulator.ledger.of(others).length;
  const before = [world.simulator.ledger.of(mine).length, posted()] as const;
  await vi.waitFor(() => expect(posted()).toBeGreaterThan(before[1] + 1), PATIENCE);
  expect(world.simulator.ledger.of(mine)).toHaveLength(before[0]);
});

test('a repeat without a body keeps all fields, and publishes nothing', SLOW, async () => {
  const world = await aWorld();
  world.write(client('all', [OLD], '[admin]'));
  const replica = await world.guarded().ready();
  const asAll = { authorization: `Bearer ${OLD}` };
  const id = world.simulator.createCall();
  const said = { app: 'reception', labels: { room: 'board' }, tenantId: TENANT };
  const url = `/calls/${id}/track`;
  const first = (await replica.request('POST', url, said, asAll)).body;
  const events = await fetch(`${replica.url}/events?lastEventId=0-0`, { headers: asAll });
  for (const form of [id, id.replaceAll('-', ''), id.toUpperCase()]) {
    const again = await replica.request('POST', `/calls/${form}/track`, undefined, asAll);
    expect(again.status).toBe(200);
    expect(again.body).toMatchObject({ id, ...said, trackedAt: first.trackedAt });
  }
  await replica.request('DELETE', url, undefined, asAll);
  let text = '';
  for await (const chunk of events.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes('event: call.untracked')) break;
  }
  expect(text.match(/event: call\.tracked/g)).toHaveLength(1);
});
