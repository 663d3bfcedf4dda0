import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createServerIdentity } from '../../src/simulator/certificate.ts';
import { DEFAULT_SECRET } from '../../src/simulator/simulator.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { Receiver, SECRET } from '../webhooks/receiver.ts';
import type { Replica } from './replica.ts';
import { World } from './world.ts';

const redis = redisForFile();
const PATIENCE = { timeout: 60_000, interval: 100 };
const SLOW = { timeout: 180_000 };

/** Each in a tenant of its own. */
const APPS = {
  reception: { tenant: '11111111-1111-4111-8111-111111111111', client: '2'.repeat(8) },
  recorder: { tenant: '33333333-3333-4333-8333-333333333333', client: '4'.repeat(8) },
  interpreter: { tenant: '55555555-5555-4555-8555-555555555555', client: '6'.repeat(8) },
};
type Name = keyof typeof APPS;
const clientOf = (name: Name) => `${APPS[name].client}-2222-4222-8222-222222222222`;

class AppsWorld extends World {
  readonly path = join(this.directory, 'apps.yaml');

  write(...names: Name[]): void {
    writeFileSync(join(this.directory, 'secret'), DEFAULT_SECRET);
    const apps = names.map(
      (name, i) => `  - name: ${name}
    default: ${i === 0}
    tenantId: ${APPS[name].tenant}
    clientId: ${clientOf(name)}
    credential: { clientSecretFile: secret }
`,
    );
    this.replaceFile(this.path, `apps:\n${apps.join('')}`);
  }

  several(env: Record<string, string> = {}): Replica {
    const none = { AZURE_TENANT_ID: '', AZURE_CLIENT_ID: '', AZURE_CLIENT_SECRET: '' };
    return this.replica({ ...none, REDIS_URL: redis.url, APPS_FILE: this.path, ...env });
  }

  /** Resolves once each of the calls has been renewed so many times more. */
  async goesOn(ids: readonly string[], count = 2): Promise<void> {
    const before = ids.map((id) => this.renewals(id));
    await vi.waitFor(() => {
      for (const [i, id] of ids.entries()) {
        expect(this.renewals(id)).toBeGreaterThanOrEqual((before[i] ?? 0) + count);
      }
    }, PATIENCE);
  }

  renewals(id: string): number {
    return this.simulator.ledger.of(id).filter(({ answer }) => answer === 200).length;
  }

  sentBy(id: string): Set<string | null> {
    return new Set(this.simulator.ledger.of(id).map(({ app }) => app));
  }
}

test(
  'an app posts events of its calls to its own webhook, signed with its own secrets',
  SLOW,
  async () => {
    await redis.flush();
    const world = new AppsWorld();
    await world.start();
    onTestFinished(() => world.stop());
    const identity = await createServerIdentity();
    appendFileSync(join(world.directory, 'ca.pem'), `\n${identity.ca}`);
    const receiver = await new Receiver(identity).start();
    onTestFinished(() => receiver.stop());
    writeFileSync(join(world.directory, 'webhook-secret'), SECRET);
    world.write('reception', 'recorder');
    const entry = `    webhook: { url: '${receiver.url}/reception', secretFiles: [webhook-secret] }\n`;
    const text = readFileSync(world.path, 'utf8');
    world.replaceFile(world.path, text.replace('  - name: recorder', `${entry}  - name: recorder`));
    const replica = await world
      .several({ WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_HOSTS: '127.0.0.1' })
      .ready();

    const [own, other] = [world.simulator.createCall(), world.simulator.createCall()];
    await replica.request('POST', `/calls/${other}/track`, { app: 'recorder' });
    await replica.request('POST', `/calls/${own}/track`);
    const refused = await replica.request('POST', `/calls/${other}/track`, {
      app: 'recorder',
      webhookUrl: `${receiver.url}/recorder`,
    });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain('nothing signs it');
    world.simulator.endCall(other);
    world.simulator.endCall(own);
    await vi.waitFor(() => expect(receiver.told).toHaveLength(1), PATIENCE);
    expect(receiver.told[0]).toMatchObject({
      path: '/reception',
      event: { type: 'call.ended', call: { id: own, app: 'reception' } },
    });
    await vi.waitFor(async () => {
      expect((await replica.request('GET', `/calls/${other}`)).body).toMatchObject({
        state: 'ended',
      });
    }, PATIENCE);
    expect([receiver.told.length, receiver.forged]).toEqual([1, []]);
  },
);

test(
  'several apps: a faulty file keeps them, a good one changes them, no call is forgotten',
  SLOW,
  async () => {
    await redis.flush();
    const world = new AppsWorld();
    await world.start();
    onTestFinished(() => world.stop());
    world.write('reception', 'recorder');
    const replica = await world.several().ready();
    const reloads = (outcome: string) =>
      replica.metric(`callkeeper_apps_reloads_total{outcome="${outcome}"}`);
    const track = (id: string, body?: object) =>
      replica.request('POST', `/calls/${id}/track`, body);

    // Two apps, in two tenants.
    const [own, other] = [world.simulator.createCall(), world.simulator.createCall()];
    expect((await track(own)).body).toMatchObject({
      app: 'reception',
      tenantId: APPS.reception.tenant,
    });
    expect((await track(other, { app: 'recorder' })).body).toMatchObject({
      tenantId: APPS.recorder.tenant,
    });
    await world.goesOn([own, other]);
    expect(world.sentBy(own)).toEqual(new Set([clientOf('reception')]));
    expect(world.sentBy(other)).toEqual(new Set([clientOf('recorder')]));
    const tenants = () => world.simulator.ledger.tokens.map(({ tenantId }) => tenantId).sort();
    expect(tenants()).toEqual([APPS.reception.tenant, APPS.recorder.tenant].sort());
    const third = world.simulator.createCall();
    expect((await track(third, { app: 'interpreter' })).status).toBe(400);

    // A faulty file: the apps stay as they were, and the log has all of its faults, but none of its
    // content.
    const faulty = 'apps:\n  - name: reception\n    tenantId: s3cret\n    clientSecret: s3cret\n';
    world.replaceFile(world.path, faulty);
    replica.signal('SIGHUP');
    const told = await replica.logged('APPS_FILE is faulty: the apps stay as they are');
    expect(told.faults).toEqual([
      'line 2: apps[0] lacks clientId',
      'line 2: apps[0] lacks credential',
      'line 3: apps[0].tenantId must be a GUID',
      expect.stringMatching(/^line 4: apps\[0\] has a field that is unknown here/),
    ]);
    expect(await reloads('failure')).toBeGreaterThanOrEqual(1);
    expect(await reloads('success')).toBe(0);
    await world.goesOn([own, other]);
    for (const app of ['reception', 'recorder']) {
      const renewed = `callkeeper_keepalives_total{app="${app}",outcome="renewed"}`;
      expect(await replica.metric(renewed)).toBeGreaterThanOrEqual(2);
      expect(await replica.metric(`callkeeper_tracked_calls{app="${app}"}`)).toBe(1);
      const tokens = `callkeeper_token_requests_total{app="${app}",outcome="success"}`;
      expect(await replica.metric(tokens)).toBe(1);
    }
    expect(await replica.metric('callkeeper_tracked_calls{app="interpreter"}')).toBeNaN();
    expect(replica.output).not.toContain('s3cret');

    // A third app; those that were there have asked for no other token.
    world.write('reception', 'recorder', 'interpreter');
    replica.signal('SIGHUP');
    await vi.waitFor(
      async () => expect(await reloads('success')).toBeGreaterThanOrEqual(1),
      PATIENCE,
    );
    // 202: Redis was slow, and learns of it later.
    expect([201, 202]).toContain((await track(third, { app: 'interpreter' })).status);
    await world.goesOn([own, other, third]);
    expect(world.sentBy(third)).toEqual(new Set([clientOf('interpreter')]));
    expect(tenants()).toEqual(
      Object.values(APPS)
        .map(({ tenant }) => tenant)
        .sort(),
    );

    // One of them gone, without a signal: its call stays, says why, and comes back with it.
    world.write('reception', 'interpreter');
    const lastErrorOf = async (id: string) =>
      (await replica.request('GET', `/calls/${id}`)).body.lastError;
    await vi.waitFor(async () => {
      expect(await lastErrorOf(other)).toMatchObject({
        code: 'app',
        message: 'no app "recorder" is configured',
      });
    }, PATIENCE);
    expect((await replica.request('GET', `/calls/${other}`)).body.state).toBe('tracked');
    world.write('reception', 'recorder', 'interpreter');
    await world.goesOn([own, other, third]);
    expect(await lastErrorOf(other)).toBeNull();
    const fates = world.simulator.summary().map(({ state }) => state);
    expect(fates).toEqual(['established', 'established', 'established']);
  },
);

test('without APPS_FILE a SIGHUP ends it as SIGTERM does', SLOW, async () => {
  await redis.flush();
  const world = await new World().start();
  onTestFinished(() => world.stop());
  const replica = await world.replica({ REDIS_URL: redis.url }).ready();
  replica.signal('SIGHUP');
  expect(await replica.exit()).toBe(0);
});
