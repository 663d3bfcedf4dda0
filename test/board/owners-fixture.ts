import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import type { Replica } from '../process/replica.ts';
import { World } from '../process/world.ts';
import { redisForFile } from '../redis/redis-server.ts';
import { SOON } from './browser.ts';

/** The shortest that is allowed. */
const LEASE_S = 10;

/** For a test file: a replica; its owners are dropped after each test. */
export function replicaWithOwners() {
  const redis = redisForFile();
  const world = new World({ deadlineMs: 60_000 });
  let replica: Replica;
  beforeAll(async () => {
    await world.start();
    const deadlines = { KEEPALIVE_INTERVAL: '20s', KEEPALIVE_DEADLINE: '60s' };
    const env = { REDIS_URL: redis.url, OWNER_GRACE: '15s', ...deadlines };
    replica = await world.replica(env).ready();
  }, 120_000);
  afterAll(() => world.stop(), 60_000);
  afterEach(async () => {
    const { body } = await replica.request('GET', '/owners?limit=1000');
    for (const { owner } of body.owners) await drop(owner);
  });

  /** Tracks one call for each name. */
  async function track(...owners: string[]): Promise<string[]> {
    const calls = owners.map((owner) => ({ id: world.simulator.createCall(), owner }));
    await replica.request('POST', '/calls/track', { calls });
    return calls.map(({ id }) => id);
  }
  const renew = (owner: string, leaseSeconds = LEASE_S) =>
    replica.request('PUT', `/owners/${owner}`, { leaseSeconds });
  const drop = (owner: string) => replica.request('DELETE', `/owners/${owner}`);
  return { track, renew, drop, url: () => replica.url };
}

export const rowsOf = (page: Page) => page.locator('#owners tr');

export const namesIn = (page: Page) => rowsOf(page).locator('th span').allTextContents();

/** Waits until these owners are shown, in this order. */
export const shows = (page: Page, names: readonly string[]) =>
  vi.waitFor(async () => expect(await namesIn(page)).toEqual(names), SOON);
