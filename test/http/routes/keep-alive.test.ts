import { expect, test } from 'vitest';
import type { Outcome } from '../../../src/calls/outcome.ts';
import { problemType } from '../../../src/http/problems.ts';
import { aCall, anApp, aRemovedCall, ERROR, ID, NOW } from '../fixture.ts';

const request = { method: 'POST', url: `/calls/${ID}/keepAlive` } as const;

test('a renewal is answered with the call', async () => {
  const { app, calls } = await anApp();
  calls.known.set(ID, aCall({ renewedAt: NOW }));
  const answer = await app.inject(request);
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({ outcome: 'renewed', call: { id: ID, state: 'tracked' } });
  expect(calls.asked).toEqual([['keepAliveNow', ID]]);
});

test('a call that is not tracked is not sent to Graph', async () => {
  const { app } = await anApp();
  const answer = await app.inject(request);
  expect(answer.statusCode).toBe(404);
  expect(answer.json().type).toBe(problemType('call-not-found'));
  expect(answer.json()).not.toHaveProperty('call');
});

test('an ending by Graph has its own problem, with the call as it was', async () => {
  const { app, calls } = await anApp();
  const outcome = { kind: 'ended', sentAt: NOW, error: { ...ERROR, status: 404 } } as const;
  calls.answers.keepAliveNow = async () => ({ outcome, call: aRemovedCall() });
  const answer = await app.inject(request);
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toMatchObject({
    type: problemType('call-ended'),
    outcome: 'ended',
    call: { id: ID, state: 'ended', goneAt: expect.any(String) },
  });
});

test.each<Outcome>([
  { kind: 'failed', sentAt: null, error: ERROR },
  { kind: 'refused', sentAt: NOW, error: ERROR },
  { kind: 'throttled', sentAt: NOW, error: ERROR, retryAfterMs: 2128 },
])('a keepAlive that $kind is answered with the evidence', async (outcome) => {
  const { app, calls, logged } = await anApp({ level: 'info' });
  calls.answers.keepAliveNow = async () => ({ outcome, call: aCall() });
  const answer = await app.inject(request);
  expect(answer.statusCode).toBe(502);
  expect(answer.json()).toMatchObject({
    type: problemType('keep-alive-failed'),
    detail: ERROR.message,
    outcome: outcome.kind,
    call: { id: ID },
    lastError: { ...ERROR, at: '2026-02-03T04:05:06.789Z' },
  });
  expect(logged.filter((line) => !line.includes('"audit":true'))).toEqual([]);
});

test('a keepAlive too soon after another is refused, with the time to wait', async () => {
  const { app, calls } = await anApp();
  calls.answers.keepAliveNow = async () => ({ retryAfterMs: 1_001 });
  const answer = await app.inject(request);
  expect(answer.statusCode).toBe(429);
  expect(answer.headers['retry-after']).toBe('2');
  expect(answer.json().type).toBe(problemType('rate-limited'));
});
