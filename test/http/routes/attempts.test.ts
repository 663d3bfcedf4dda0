import { expect, test } from 'vitest';
import { aCall, anApp, ID, NOW } from '../fixture.ts';

const ATTEMPT = {
  at: NOW,
  outcome: 'failed',
  status: 500,
  code: 'InternalServerError',
  durationMs: 120,
} as const;

test('returns the last keepAlives of a call, and the replica that sent them', async () => {
  const asked: string[] = [];
  const diary = {
    attemptsOf: (id: string) => {
      asked.push(id);
      return [ATTEMPT];
    },
  };
  const { app, calls } = await anApp({ diary });
  calls.known.set(ID, aCall());
  const answer = await app.inject(`/calls/${ID.toUpperCase()}/attempts`);
  expect(answer.statusCode).toBe(200);
  const attempts = [{ ...ATTEMPT, at: '2026-02-03T04:05:06.789Z' }];
  expect(answer.json()).toEqual({ replica: 'here', attempts });
  expect(asked).toEqual([ID]);
});

test('a call that is not known, or is not within the reach of the key, has none', async () => {
  const { app } = await anApp({ diary: { attemptsOf: () => [ATTEMPT] } });
  const answer = await app.inject(`/calls/${ID}/attempts`);
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toMatchObject({ type: expect.stringContaining('call-not-found') });
});
