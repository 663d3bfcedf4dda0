import { expect, test } from 'vitest';
import { hashOf } from '../../../src/access/key-ring.ts';
import type { VisibleApps } from '../../../src/calls/principal.ts';
import { anApp, anOverview, ID, identifyBy, MINUTE } from '../fixture.ts';

test('it has the state of all calls, with the ms that are left and each slot', async () => {
  const { app, calls } = await anApp({ ready: () => ['the worker does not run'] });
  calls.durable = false;
  const answer = await app.inject('/overview');
  expect(answer.statusCode).toBe(200);
  const body = answer.json();
  expect(body).toMatchObject({
    at: '2026-02-03T04:05:06.789Z',
    countedAt: '2026-02-03T04:05:05.789Z',
    version: '1.2.3',
    intervalMs: 15 * MINUTE,
    deadlineMs: 45 * MINUTE,
    tracked: 2,
    failing: 1,
    atRisk: 1,
    minMarginMs: 10 * MINUTE,
    nearest: [{ id: ID, durable: false, consecutiveFailures: 1 }],
    nearestFailing: [{ id: ID, durable: false }],
    unready: ['the worker does not run'],
    redis: { up: true, cause: null },
    replicas: [{ replica: 'here', version: '1.2.3', keepAlives: 7 }],
  });
  expect(body.slots.tracked.slice(0, 5)).toEqual([0, 0, 0, 2, 0]);
  expect(body.slots.failing).toHaveLength(256);
});

test("it requires the scope read, and has only calls within the key's reach", async () => {
  const key = (letter: string) => letter.repeat(32);
  const holder = (name: string, scope: 'read' | 'track', apps: string[] | null) => ({
    name,
    keys: [{ hash: hashOf(key(name)), expiresAt: null }],
    scopes: [scope],
    apps,
    rateLimit: null,
  });
  const holders = [holder('r', 'read', ['reception']), holder('t', 'track', null)];
  const asked: VisibleApps[] = [];
  const overviews = {
    read: async (visibleApps: VisibleApps) => {
      asked.push(visibleApps);
      return anOverview();
    },
  };
  const { app } = await anApp({ overviews, identify: identifyBy({ holders }) });
  const statusOf = async (letter: string) => {
    const headers = { authorization: `Bearer ${key(letter)}` };
    return (await app.inject({ url: '/overview', headers })).statusCode;
  };
  expect(await Promise.all(['r', 't', 'x'].map(statusOf))).toEqual([200, 403, 401]);
  expect(asked).toEqual([new Set(['reception'])]);
});
