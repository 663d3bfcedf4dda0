import { describe, expect, test } from 'vitest';
import { aCall, anApp, ID } from '../fixture.ts';

const url = '/calls/untrack';

describe('POST /calls/untrack', () => {
  test('stops calls, with one result for each, in order', async () => {
    const { app, calls, logged } = await anApp();
    calls.known.set(ID, aCall());
    const ids = ['call-0002', ID.toUpperCase(), 'no id', 7, 'call-0002'];
    const answer = await app.inject({ method: 'POST', url, payload: { ids } });
    expect(answer.statusCode).toBe(200);
    const { results } = answer.json();
    expect(results).toMatchObject([
      { id: 'call-0002', status: 204 },
      { id: ID, status: 204 },
      { id: 'no id', status: 400, error: { errors: [{ pointer: '/ids/2' }] } },
      { id: null, status: 400, error: { errors: [{ pointer: '/ids/3' }] } },
      { id: 'call-0002', status: 204 },
    ]);
    expect(calls.asked).toEqual([['untrackAll', ['call-0002', ID]]]);
    const lines = logged.map((line) => JSON.parse(line)).filter(({ audit }) => audit);
    expect(lines).toMatchObject([{ action: 'untrack', calls: 2, stopped: 1 }]);
  });

  test('has the result 202 for each call while Redis is out', async () => {
    const { app, calls } = await anApp();
    calls.durable = false;
    const answer = await app.inject({ method: 'POST', url, payload: { ids: [ID] } });
    expect(answer.json().results).toEqual([{ id: ID, status: 202 }]);
  });

  test('accepts an empty list', async () => {
    const { app, calls } = await anApp();
    const answer = await app.inject({ method: 'POST', url, payload: { ids: [] } });
    expect(answer.json()).toEqual({ results: [] });
    expect(calls.asked).toEqual([]);
  });

  test.each([
    ['more than 1,000 calls', { ids: Array.from({ length: 1_001 }, (_, i) => `call-${1e4 + i}`) }],
    ['no list', { ids: ID }],
    ['the body of POST /calls/track', { calls: [{ id: ID }] }],
    ['nothing', undefined],
  ])('refuses %s', async (_, payload) => {
    const { app, calls } = await anApp();
    const answer = await app.inject({ method: 'POST', url, ...(payload && { payload }) });
    expect(answer.statusCode).toBe(400);
    expect(calls.asked).toEqual([]);
  });
});
