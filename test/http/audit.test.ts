import { expect, test } from 'vitest';
import { hashOf } from '../../src/access/key-ring.ts';
import { countFates } from '../../src/calls/notified.ts';
import { aCall, anApp, ID, identifyBy } from './fixture.ts';

const KEY = 'correct-horse-battery-staple';
const authorization = `Bearer ${KEY}`;
const holder = {
  name: 'reception-bot',
  keys: [{ hash: hashOf(KEY), expiresAt: null }],
  scopes: ['read', 'track'] as const,
  apps: null,
  rateLimit: null,
};

async function anAudited() {
  const fixture = await anApp({ identify: identifyBy({ holders: [holder] }), level: 'info' });
  const ask = (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) =>
    fixture.app.inject({ method, url, headers: { authorization }, ...(payload && { payload }) });
  const lines = () => fixture.logged.map((line) => JSON.parse(line)).filter(({ audit }) => audit);
  return { ...fixture, ask, lines };
}

const who = { principal: 'reception-bot', address: '127.0.0.1', reqId: expect.any(String) };

test('each change has an audit line that names the client', async () => {
  const { ask, lines } = await anAudited();
  await ask('POST', `/calls/${ID.toUpperCase()}/track`);
  await ask('POST', `/calls/${ID}/track`);
  await ask('POST', `/calls/${ID}/keepAlive`);
  await ask('DELETE', `/calls/${ID}/track`);
  await ask('DELETE', `/calls/${ID}/track`);
  expect(lines()).toMatchObject([
    { action: 'track', call: ID, outcome: 'created', ...who },
    { action: 'track', call: ID, outcome: 'updated', ...who },
    { action: 'keepAlive', call: ID, outcome: 'renewed', ...who },
    { action: 'untrack', call: ID, outcome: 'untracked', ...who },
    { action: 'untrack', call: ID, outcome: 'unknown', ...who },
  ]);
});

test('a batch has one line, with how many calls it changed', async () => {
  const { ask, lines } = await anAudited();
  const calls = [{ id: 'call-0001' }, { id: 'call-0002', app: 'nobody' }, { id: 'call-0003' }];
  await ask('POST', '/calls/track', { calls });
  expect(lines()).toMatchObject([
    { action: 'track', outcome: 'batch', calls: 3, created: 2, updated: 0, ...who },
  ]);
  await ask('POST', '/calls/track', { calls: [{ id: 'call-0002', app: 'nobody' }] });
  expect(lines()).toHaveLength(1);
});

test('notifications have a line with the number of calls that they changed, if any', async () => {
  const { ask, lines, calls } = await anAudited();
  await ask('POST', '/notifications', { value: [] });
  expect(lines()).toEqual([]);
  calls.answers.notify = async () => ({
    kind: 'taken',
    ...countFates(['tracked', 'tracked', 'updated', 'stopped'], 4),
  });
  await ask('POST', '/notifications', { value: [] });
  expect(lines()).toMatchObject([
    { action: 'notify', outcome: 'taken', tracked: 2, updated: 1, stopped: 1, ...who },
  ]);
});

test('reads, refusals and unknown calls have no audit line', async () => {
  const { ask, lines, calls } = await anAudited();
  calls.known.set(ID, aCall());
  await ask('GET', '/calls');
  await ask('GET', `/calls/${ID}`);
  await ask('POST', '/calls/call-unknown/keepAlive');
  await ask('POST', `/calls/${ID}/track`, { app: 'nobody' });
  await ask('POST', `/calls/${ID}/track`, { unknown: 1 });
  expect(lines()).toEqual([]);
});

test("a call outside the key's reach is logged as denied", async () => {
  const { ask, lines, calls } = await anAudited();
  const forbidden = { kind: 'forbidden', message: 'not within reach' } as const;
  calls.answers.track = async (requests) => requests.map(() => forbidden);
  const alone = await ask('POST', `/calls/${ID}/track`);
  expect([alone.statusCode, alone.json().detail]).toEqual([403, 'not within reach']);
  const batch = await ask('POST', '/calls/track', { calls: [{ id: ID }] });
  expect(batch.json().results).toMatchObject([{ id: ID, status: 403, error: { status: 403 } }]);
  calls.answers.notify = async () => forbidden;
  expect((await ask('POST', '/notifications', { value: [] })).statusCode).toBe(403);
  const line = { action: 'denied', outcome: 'forbidden', why: 'not within reach', ...who };
  expect(lines()).toMatchObject([{ ...line, call: ID }, line, line]);
});

test('no line has the key', async () => {
  const { ask, logged } = await anAudited();
  await ask('POST', `/calls/${ID}/track`);
  await ask('POST', '/notifications', {});
  expect(logged.join('')).not.toContain(KEY);
  expect(logged.join('')).not.toContain(hashOf(KEY));
});
