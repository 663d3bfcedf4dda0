import { expect, test } from 'vitest';
import { StoreUnavailableError } from '../../src/calls/ports.ts';
import { PROBLEMS, type ProblemName, problemType } from '../../src/http/problems.ts';
import { anApp, ID } from './fixture.ts';

const SECRET = 'redis://:hunter2@10.0.0.1:6379';

const STORE_ROUTES = [
  ['POST', `/calls/${ID}/track`, 'track'],
  ['DELETE', `/calls/${ID}/track`, 'untrack'],
  ['GET', `/calls/${ID}`, 'find'],
  ['GET', '/calls', 'list'],
  ['POST', `/calls/${ID}/keepAlive`, 'keepAliveNow'],
] as const;

test.each(STORE_ROUTES)('%s %s says so when the store is out', async (method, url, port) => {
  const { app, calls, logged } = await anApp({ level: 'info' });
  const cause = new Error(SECRET);
  calls.fail(port, new StoreUnavailableError(SECRET, { cause }));
  const answer = await app.inject({ method, url });
  expect(answer.statusCode).toBe(503);
  expect(answer.headers['retry-after']).toBe('5');
  expect(answer.json().type).toBe(problemType('store-unavailable'));
  expect(answer.body).not.toContain('hunter2');
  expect(logged).toHaveLength(1);
  expect(JSON.parse(logged[0] ?? '')).toMatchObject({ level: 50, method });
});

test.each(STORE_ROUTES)('%s %s reveals nothing internal', async (method, url, port) => {
  const { app, calls, logged } = await anApp({ level: 'info' });
  const cause = new TypeError('the cause');
  calls.fail(port, new Error(SECRET, { cause }));
  const answer = await app.inject({ method, url, headers: { authorization: 'Bearer abc' } });
  expect(answer.statusCode).toBe(500);
  expect(answer.json()).toEqual({
    type: problemType('internal-error'),
    title: PROBLEMS['internal-error'].title,
    status: 500,
    detail: 'the cause is in the log of this replica',
  });
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain('the cause');
  expect(logged[0]).not.toContain('Bearer');
});

test('a port that throws instead of rejecting is answered alike', async () => {
  const { app, calls } = await anApp();
  calls.answers.find = () => {
    throw new Error('at once');
  };
  expect((await app.inject(`/calls/${ID}`)).statusCode).toBe(500);
});

test('the status of an unexpected error does not become the status of the answer', async () => {
  const { app, calls } = await anApp();
  calls.fail('find', Object.assign(new Error('no'), { statusCode: 302 }));
  expect((await app.inject(`/calls/${ID}`)).statusCode).toBe(500);
});

test('an invalid cursor is an invalid request', async () => {
  const { app, calls } = await anApp();
  const answer = await app.inject('/calls?cursor=x');
  expect(answer.statusCode).toBe(400);
  expect(answer.json().errors).toEqual([
    { parameter: 'cursor', detail: 'must be the `next` of another page' },
  ]);
  expect(calls.asked).toEqual([]);
});

test('an unknown route is a problem too', async () => {
  const { app } = await anApp();
  const answer = await app.inject('/no-such-route');
  expect(answer.statusCode).toBe(404);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(answer.json().type).toBe(problemType('route-not-found'));
});

test.each([
  ['PUT', `/calls/${ID}/track`, 'DELETE, POST'],
  ['GET', `/calls/${ID}/track`, 'DELETE, POST'],
  ['POST', '/calls', 'GET, HEAD'],
  ['GET', '/calls/track', 'POST'],
  ['PATCH', `/calls/${ID}`, 'GET, HEAD'],
  ['OPTIONS', '/livez', 'GET, HEAD'],
  ['POST', '/openapi.json', 'GET, HEAD'],
  ['DELETE', '/docs', 'GET, HEAD'],
] as const)('%s %s is not allowed, and the body not read', async (method, url, allow) => {
  const { app, calls } = await anApp();
  const headers = { 'content-type': 'text/nonsense' };
  const answer = await app.inject({ method, url, headers, payload: 'x' });
  expect(answer.statusCode).toBe(405);
  expect(String(answer.headers.allow).split(', ').sort().join(', ')).toBe(allow);
  expect(answer.json().type).toBe(problemType('method-not-allowed'));
  expect(calls.asked).toEqual([]);
});

test('every problem has a unique name, an error status and a title', () => {
  const titles = Object.values(PROBLEMS).map(({ title }) => title);
  expect(new Set(titles).size).toBe(titles.length);
  for (const [name, { status }] of Object.entries(PROBLEMS)) {
    expect(problemType(name as ProblemName)).toMatch(/^urn:callkeeper:problem:[a-z-]+$/);
    expect(status).toBeGreaterThanOrEqual(400);
  }
});
