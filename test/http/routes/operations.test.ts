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

test('a burst of scrapes costs one rendering', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let renderings = 0;
  const render = async () => {
    renderings += 1;
    await released;
    return `rendering ${renderings}\n`;
  };
  const { app } = await anApp({ metrics: { contentType: 'text/plain', render } });
  const asked = ['/metrics', '/metrics?a=b', '/%6detrics'].flatMap((url) => [
    app.inject({ url, remoteAddress: '192.0.2.1' }),
    app.inject({ url, remoteAddress: '192.0.2.2', headers: { authorization: 'Bearer none' } }),
    app.inject({ url, method: 'HEAD' }),
  ]);
  setImmediate(release);
  for (const answer of await Promise.all(asked)) expect(answer.statusCode).toBe(200);
  expect(renderings).toBe(1);
});

test('the API has no metrics if another listener has them', async () => {
  const { app } = await anApp({ metrics: null });
  expect((await app.inject('/metrics')).statusCode).toBe(404);
  expect((await app.inject('/openapi.json')).json().paths).not.toHaveProperty('/metrics');
  expect((await app.inject('/livez')).statusCode).toBe(200);
});

test('the metrics listener serves metrics and probes without a key, and nothing else', async () => {
  const metrics = { contentType: 'text/plain; version=0.0.4', render: async () => 'up 1\n' };
  const reasons: string[] = [];
  const app = await buildMetricsApp({
    metrics,
    ready: () => reasons,
    onConnectionDropped: () => {},
    log: pino({ level: 'silent' }),
  });
  onTestFinished(() => app.close());
  expect((await app.inject('/metrics')).body).toBe('up 1\n');
  expect((await app.inject('/livez')).statusCode).toBe(200);
  expect((await app.inject('/readyz')).statusCode).toBe(200);
  reasons.push('stopping');
  expect((await app.inject('/readyz')).json()).toMatchObject({ status: 503, reasons });
  for (const url of ['/', '/calls', '/openapi.json', '/docs', '/events']) {
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
  reasons = ['Redis is out: no memory', 'stopping'];
  const answer = await app.inject('/readyz');
  expect(answer.statusCode).toBe(503);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.json()).toMatchObject({
    type: problemType('not-ready'),
    detail: 'Redis is out: no memory; stopping',
    reasons,
  });
  expect((await app.inject('/livez')).statusCode).toBe(200);
  expect(logged).toEqual([]);
});

test('while it closes, requests in flight and new ones are answered', async () => {
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
