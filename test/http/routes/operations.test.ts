import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { buildMetricsApp } from '../../../src/http/app.ts';
import { problemType } from '../../../src/http/problems.ts';
import { anApp } from '../fixture.ts';

test('metrics come in the format that renders them', async () => {
  const { app } = await anApp();
  const answer = await app.inject('/metrics');
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4');
  expect(answer.body).toBe('up 1\n');
});

test('metrics that are elsewhere are not here', async () => {
  const { app } = await anApp({ metrics: null });
  expect((await app.inject('/metrics')).statusCode).toBe(404);
  expect((await app.inject('/openapi.json')).json().paths).not.toHaveProperty('/metrics');
  expect((await app.inject('/livez')).statusCode).toBe(200);
});

test('a listener of their own has the metrics, without a key, and nothing else', async () => {
  const metrics = { contentType: 'text/plain; version=0.0.4', render: async () => 'up 1\n' };
  const app = await buildMetricsApp({ metrics, log: pino({ level: 'silent' }) });
  onTestFinished(() => app.close());
  expect((await app.inject('/metrics')).body).toBe('up 1\n');
  for (const url of ['/', '/livez', '/readyz', '/calls', '/openapi.json', '/docs']) {
    const answer = await app.inject(url);
    expect(answer.statusCode).toBe(404);
    expect(answer.json().type).toBe(problemType('route-not-found'));
  }
  expect((await app.inject({ method: 'POST', url: '/metrics' })).statusCode).toBe(405);
});

test('readiness follows its reasons, and liveness does not', async () => {
  let reasons: string[] = [];
  const { app, logged } = await anApp({ ready: () => reasons, level: 'info' });
  expect((await app.inject('/readyz')).json()).toEqual({ status: 'ready' });
  reasons = ['Redis does not answer', 'stopping'];
  const answer = await app.inject('/readyz');
  expect(answer.statusCode).toBe(503);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.json()).toMatchObject({
    type: problemType('not-ready'),
    detail: 'Redis does not answer; stopping',
    reasons,
  });
  expect((await app.inject('/livez')).statusCode).toBe(200);
  expect(logged).toEqual([]);
});

test('while it closes, what is under way and still comes is answered', async () => {
  const { app, calls } = await anApp();
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.addresses()[0] as { port: number };
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  calls.answers.list = async () => {
    begun.resolve();
    await release.promise;
    return { calls: [], next: null };
  };
  const answer = fetch(`http://127.0.0.1:${port}/calls`);
  await begun.promise;
  const closed = app.close();
  release.resolve();
  expect((await answer).status).toBe(200);
  await closed;
});
