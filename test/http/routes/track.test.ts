import { describe, expect, test } from 'vitest';
import type { AfterFirst } from '../../../src/calls/calls.ts';
import { aCall, anApp, aRemovedCall, ERROR, ID, MINUTE, NOW } from '../fixture.ts';

const url = `/calls/${ID}/track`;

test('a call that is new is created, a known one updated', async () => {
  const { app, calls } = await anApp();
  const first = await app.inject({ method: 'POST', url, payload: { labels: { room: 'a' } } });
  expect(first.statusCode).toBe(201);
  expect(first.json()).toEqual({
    id: ID,
    state: 'tracked',
    durable: true,
    app: 'default',
    tenantId: aCall().tenantId,
    labels: { room: 'a' },
    webhookUrl: null,
    owner: null,
    trackedAt: '2026-02-03T04:05:06.789Z',
    startedAt: null,
    trackUntil: null,
    renewedAt: null,
    dueAt: '2026-02-03T04:05:06.789Z',
    deadlineAt: '2026-02-03T04:50:06.789Z',
    consecutiveFailures: 0,
    atRiskAt: null,
    lastError: null,
  });
  const second = await app.inject({ method: 'POST', url });
  expect(second.statusCode).toBe(200);
  expect(second.json().labels).toEqual({});
  expect(calls.asked.map(([method]) => method)).toEqual(['track', 'track']);
});

test('a call is untracked, known or not, and nothing is said', async () => {
  const { app, calls } = await anApp();
  calls.known.set(ID, aCall());
  for (let i = 0; i < 2; i++) {
    const answer = await app.inject({ method: 'DELETE', url: `/calls/${ID.toUpperCase()}/track` });
    expect([answer.statusCode, answer.body]).toEqual([204, '']);
  }
  expect(calls.asked).toEqual([
    ['untrack', ID],
    ['untrack', ID],
  ]);
});

test('while Redis is out both are accepted, to be stored later', async () => {
  const { app, calls } = await anApp();
  calls.durable = false;
  const tracked = await app.inject({ method: 'POST', url });
  expect([tracked.statusCode, tracked.json().durable]).toEqual([202, false]);
  const batch = await app.inject({
    method: 'POST',
    url: '/calls/track',
    payload: { calls: [{ id: ID }] },
  });
  expect(batch.json().results).toMatchObject([{ id: ID, status: 202, call: { durable: false } }]);
  const untracked = await app.inject({ method: 'DELETE', url });
  expect([untracked.statusCode, untracked.json()]).toEqual([202, { durable: false }]);
});

test('a refusal by the domain names its field', async () => {
  const { app, calls } = await anApp();
  calls.answers.track = async () => [
    { kind: 'invalid', field: 'startedAt', message: 'must not lie in the future' },
  ];
  const answer = await app.inject({ method: 'POST', url });
  expect(answer.statusCode).toBe(400);
  expect(answer.json()).toMatchObject({
    detail: '/startedAt: must not lie in the future',
    errors: [{ pointer: '/startedAt', detail: 'must not lie in the future' }],
  });
});

test('a call that left the schedule says when, and has no next keepAlive', async () => {
  const { app, calls } = await anApp();
  calls.known.set(ID, aRemovedCall({ state: 'expired', renewedAt: NOW, removedAt: NOW + MINUTE }));
  const answer = await app.inject(`/calls/${ID}`);
  expect(answer.json()).toMatchObject({
    state: 'expired',
    dueAt: null,
    renewedAt: '2026-02-03T04:05:06.789Z',
    deadlineAt: '2026-02-03T04:50:06.789Z',
    goneAt: '2026-02-03T04:06:06.789Z',
  });
});

test.each([
  ['untracked', 'request'],
  ['untracked', 'notification'],
  ['untracked', 'track-until'],
  ['ended', null],
  ['expired', null],
] as const)('a call that is %s has the reason %s', async (state, reason) => {
  const { app, calls } = await anApp();
  calls.known.set(ID, aRemovedCall({ state, reason }));
  expect((await app.inject(`/calls/${ID}`)).json()).toMatchObject({ state, reason });
});

test('a tracked call has no reason for its removal', async () => {
  const { app, calls } = await anApp();
  calls.known.set(ID, aCall());
  expect((await app.inject(`/calls/${ID}`)).json()).not.toHaveProperty('reason');
});

describe('a call that is tracked with wait=true', () => {
  const waiting = `${url}?wait=true`;
  const waitFor = async (after: AfterFirst) => {
    const { app, calls } = await anApp();
    calls.answers.afterFirst = async () => after;
    return await app.inject({ method: 'POST', url: waiting });
  };

  test('is answered after its first keepAlive', async () => {
    const { app, calls } = await anApp();
    const answer = await app.inject({ method: 'POST', url: waiting });
    expect([answer.statusCode, answer.json().renewedAt]).toEqual([201, '2026-02-03T04:05:06.789Z']);
    expect(calls.asked.map(([method]) => method)).toEqual(['track', 'afterFirst']);
    expect((await app.inject({ method: 'POST', url: waiting })).statusCode).toBe(200);
    calls.durable = false;
    const kept = await app.inject({ method: 'POST', url: waiting });
    expect([kept.statusCode, kept.json().durable]).toEqual([202, false]);
  });

  test('has in it why it was not renewed', async () => {
    const call = aCall({ consecutiveFailures: 1, lastError: ERROR });
    const answer = await waitFor({ call, isPending: false });
    expect([answer.statusCode, answer.json().lastError.status]).toEqual([201, 503]);
  });

  test('has ended if Graph does not know it', async () => {
    const answer = await waitFor({ call: aRemovedCall(), isPending: false });
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toMatchObject({ state: 'ended', renewedAt: null });
  });

  test('is answered with 202 if there is no outcome in time', async () => {
    const answer = await waitFor({ call: aCall(), isPending: true });
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({ durable: true, renewedAt: null, lastError: null });
  });

  test.each(['', '?wait=false'])('is not waited for with "%s"', async (query) => {
    const { app, calls } = await anApp();
    await app.inject({ method: 'POST', url: `${url}${query}` });
    expect(calls.asked.map(([method]) => method)).toEqual(['track']);
  });

  test.each(['wait=perhaps', 'wiat=true', 'wait='])('refuses %s', async (query) => {
    const { app, calls } = await anApp();
    const answer = await app.inject({ method: 'POST', url: `${url}?${query}` });
    expect(answer.statusCode).toBe(400);
    expect(calls.asked).toEqual([]);
  });

  test('is refused like any other, without a wait', async () => {
    const { app, calls } = await anApp();
    const payload = { app: 'nobody' };
    const answer = await app.inject({ method: 'POST', url: waiting, payload });
    expect(answer.statusCode).toBe(400);
    expect(calls.asked.map(([method]) => method)).toEqual(['track']);
  });
});
