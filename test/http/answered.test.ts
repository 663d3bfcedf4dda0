import { expect, test } from 'vitest';
import { anApp, ID } from './fixture.ts';

test('each answer of the API is reported with its status, except those of probes', async () => {
  const statuses: number[] = [];
  const { app } = await anApp({
    onAnswered: (status) => statuses.push(status),
    ready: () => ['Redis is out: it does not answer'],
  });
  await app.inject({ method: 'POST', url: `/calls/${ID}/track` });
  await app.inject({ method: 'GET', url: '/calls/nobody-knows-it' });
  await app.inject({ method: 'GET', url: '/no-such-route' });
  await app.inject({ method: 'GET', url: '/metrics' });
  expect((await app.inject({ method: 'GET', url: '/readyz' })).statusCode).toBe(503);
  expect(statuses).toEqual([201, 404, 404]);
});
