import { expect, test } from 'vitest';
import { problemType } from '../../../src/http/problems.ts';
import { anApp, ID } from '../fixture.ts';

const post = { method: 'POST', url: '/calls/track' } as const;

test('each call succeeds or fails alone, in the order of the request', async () => {
  const { app, calls } = await anApp();
  const items = [
    { id: ID.toUpperCase() },
    { id: '../../etc' },
    { id: 'abcdefgh', labels: { _: 'x' } },
    'abcdefgh',
    null,
    [],
    { labels: {} },
    { id: 5 },
    { id: 'x'.repeat(300) },
    { id: 'abcdefgh', extra: true },
    { id: 'abcdefgh', app: 'nobody' },
    { id: 'abcdefgh', startedAt: '2026-02-30T00:00:00Z' },
    { id: 'abcdefgh', labels: { room: 'b' } },
    { id: ID },
  ];
  const answer = await app.inject({ ...post, payload: { calls: items } });
  expect(answer.statusCode).toBe(200);
  const { results } = answer.json();
  const told = results.map((r: Record<string, unknown>) => [r.id, r.status]);
  expect(told).toEqual([
    [ID, 201],
    ['../../etc', 400],
    ['abcdefgh', 400],
    [null, 400],
    [null, 400],
    [null, 400],
    [null, 400],
    [null, 400],
    ['x'.repeat(128), 400],
    ['abcdefgh', 400],
    ['abcdefgh', 400],
    ['abcdefgh', 400],
    ['abcdefgh', 201],
    [ID, 200],
  ]);
  for (const [i, { status, call, error }] of results.entries()) {
    expect(call === undefined).toBe(status === 400);
    if (!error) continue;
    expect(error).toMatchObject({ type: problemType('invalid-request'), status: 400 });
    expect(error.errors[0].pointer).toMatch(new RegExp(`^/calls/${i}(/|$)`));
  }
  const reached = calls.asked.flatMap(([, requests]) => requests as { id: string }[]);
  expect(reached.map(({ id }) => id)).toEqual([ID, 'abcdefgh', 'abcdefgh', ID]);
  expect([...calls.known.keys()].sort()).toEqual([ID, 'abcdefgh']);
});

test('1,000 calls with all they may have fit in', async () => {
  const { app, calls } = await anApp();
  const items = Array.from({ length: 1000 }, (_, i) => ({
    id: `call-${String(i).padStart(120, '0')}`,
    labels: { a: 'x'.repeat(256), b: 'y'.repeat(256), c: 'z'.repeat(256) },
    webhookUrl: `https://bot.example.com/${'w'.repeat(200)}`,
  }));
  const answer = await app.inject({ ...post, payload: { calls: items } });
  expect(answer.statusCode).toBe(200);
  expect(answer.json().results).toHaveLength(1000);
  expect(calls.asked).toHaveLength(1);
  expect(calls.known.size).toBe(1000);
});

test('no calls are no error, and ask nothing of the store', async () => {
  const { app, calls } = await anApp();
  const answer = await app.inject({ ...post, payload: { calls: [] } });
  expect([answer.statusCode, answer.json()]).toEqual([200, { results: [] }]);
  expect(calls.asked).toEqual([]);
});

test.each([
  ['1,001 calls', { calls: Array(1001).fill({ id: ID }) }, '/calls'],
  ['calls that are no list', { calls: { id: ID } }, '/calls'],
  ['no calls', {}, ''],
  ['an unknown field beside them', { calls: [], app: 'x' }, '/app'],
  ['a list', [{ id: ID }], ''],
])('a body with %s is refused as a whole', async (_, payload, pointer) => {
  const { app, calls } = await anApp();
  const answer = await app.inject({ ...post, payload });
  expect(answer.statusCode).toBe(400);
  expect(answer.json()).toMatchObject({
    type: problemType('invalid-request'),
    errors: [{ pointer }],
  });
  expect(calls.asked).toEqual([]);
});

test.each([
  ['of 5 MB', `{"calls":["${'x'.repeat(5_000_000)}"]}`, 413],
  ['that is poisoned in a call', '{"calls":[{"id":"abcdefgh","__proto__":{"app":"x"}}]}', 400],
  ['that is missing', '', 400],
])('a body %s is refused', async (_, payload, status) => {
  const { app, calls } = await anApp();
  const headers = { 'content-type': 'application/json' };
  const answer = await app.inject({ ...post, headers, payload });
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(calls.asked).toEqual([]);
});
