import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type CallRecord, emptyRecord, stateOf } from '../../src/calls/record.ts';
import { trackingFor } from '../../src/calls/record-changes.ts';
import { slotOf } from '../../src/calls/wheel.ts';
import { readConfig } from '../../src/config/config.ts';
import { createContext } from '../../src/daemon/context.ts';
import { openOwners } from '../../src/daemon/owners.ts';
import { openRegistry } from '../../src/daemon/registry.ts';
import { LEASE_LOCK_KEY } from '../../src/store/keys.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { fast, SOON, silent } from '../store/fixture.ts';

const server = redisForFile();
beforeEach(() => server.flush());

const GUID = '7f5b1f62-4a02-4f2e-9a2b-6c7d9c0a1b11';
const CALL = 'call-0001';
const CLOCKS_DIFFER_MS = 10;
const APPS = { apps: new Map([['default', { tenantId: GUID }]]), defaultApp: 'default' };

/** The registries of one replica, which looks at leases every 200 ms once it is started. */
async function aReplica() {
  const config = readConfig({
    AZURE_TENANT_ID: GUID,
    AZURE_CLIENT_ID: GUID,
    AZURE_CLIENT_SECRET: 'secret',
    KEEPALIVE_INTERVAL: '6s',
    KEEPALIVE_DEADLINE: '18s',
  });
  const fatal: Error[] = [];
  const onFatal = (error: Error) => void fatal.push(error);
  const context = createContext({ config, version: 'test', log: silent, onFatal });
  const redis = await fast(server);
  const link = { up: true };
  const calls = openRegistry(context, { redis, link });
  const parts = openOwners(context, {
    ...calls,
    redis,
    link,
    membership: { servedSince: Date.now() } as never,
    calls: { within: () => ({ untrackAll: async () => [] }) } as never,
    apps: { current: () => APPS },
  });
  onTestFinished(async () => {
    await parts.stop();
    expect(fatal).toEqual([]);
  });
  const track = async (id: string) => {
    const { clock, random } = context;
    const bot = { ...APPS, now: clock.now(), random };
    const track = (current: CallRecord) => trackingFor({ id, owner: 'bot-7' }, current, bot, false);
    await calls.registry.update([
      { id, decide: (current) => ({ ...emptyRecord(id), tracking: track(current) }) },
    ]);
    // So that what happens next has a later instant, also by the clock of another replica: those
    // that Redis has not set differ by a ms or two.
    await vi.waitFor(() => expect(clock.now()).toBeGreaterThan(bot.now + CLOCKS_DIFFER_MS), SOON);
  };
  const sync = () => calls.registry.sync(slotOf(CALL, context.wheel), { removedSince: 0 });
  const state = (id: string) => stateOf(calls.registry.get(id));
  const holdsLock = async () => (await server.client.get(LEASE_LOCK_KEY)) === context.replica;
  return { ...parts, link, track, sync, state, holdsLock };
}

test('an owner that is dropped without a lease keeps no call, whichever replica knows it', async () => {
  const [holder, dropping, tracking] = [await aReplica(), await aReplica(), await aReplica()];
  holder.start();
  await vi.waitFor(async () => expect(await holder.holdsLock()).toBe(true), SOON);
  tracking.link.up = false;
  await tracking.track(CALL);
  expect(await dropping.owners.drop('bot-7', undefined)).toMatchObject({ durable: true });
  tracking.link.up = true;
  await tracking.sync();
  await holder.sync();
  await vi.waitFor(() => expect(holder.state(CALL)).toBe('untracked'), SOON);
});
