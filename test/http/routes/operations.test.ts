import { expect, test } from 'vitest';
import { problemType } from '../../../src/http/problems.ts';
import { anApp } from '../fixture.ts';

test('metrics come in the format that renders them', async () => {
  const { app } = await anApp();
  const answer = await app.inject('/metrics');
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4');
  expect(answer.body).toBe('up 1\n');
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
