import { expect, test } from 'vitest';
import { problemType } from '../../../src/http/problems.ts';
import { aCall, anApp, aRemovedCall, ERROR, ID, MINUTE, NOW } from '../fixture.ts';

test('a call is found, in whatever case its GUID comes', async () => {
  const { app, calls } = await anApp();
  calls.known.set(
    ID,
    aCall({
      renewedAt: NOW + MINUTE,
      consecutiveFailures: 2,
      retryAt: NOW + 20 * MINUTE,
      lastError: ERROR,
      webhookUrl: 'https://bot.example.com/',
    }),
  );
  const answer = await app.inject(`/calls/${ID.toUpperCase()}`);
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({
    id: ID,
    renewedAt: '2026-02-03T04:06:06.789Z',
    dueAt: '2026-02-03T04:25:06.789Z',
    deadlineAt: '2026-02-03T04:51:06.789Z',
    webhookUrl: 'https://bot.example.com/',
    lastError: { ...ERROR, at: '2026-02-03T04:05:06.789Z' },
  });
  expect(answer.body).not.toContain('generation');
  expect(calls.asked).toEqual([['find', ID]]);
});

test('an unknown call is a problem', async () => {
  const { app } = await anApp();
  const answer = await app.inject(`/calls/${ID}`);
  expect(answer.statusCode).toBe(404);
  expect(answer.json().type).toBe(problemType('call-not-found'));
});

test.each([
  ['', { state: 'tracked', labels: [], limit: 100 }],
  ['?limit=1', { state: 'tracked', labels: [], limit: 1 }],
  ['?limit=1000&state=ended', { state: 'ended', labels: [], limit: 1000 }],
  [
    '?app=a%20b&label=room=a%3Db&label=floor&cursor=MTY6',
    {
      state: 'tracked',
      app: 'a b',
      labels: ['room=a=b', 'floor'],
      limit: 100,
      start: { slot: 16, after: '' },
    },
  ],
])('/calls%s asks for what it says', async (query, asked) => {
  const { app, calls } = await anApp();
  expect((await app.inject(`/calls${query}`)).statusCode).toBe(200);
  expect(calls.asked).toEqual([['list', asked]]);
});

test.each([
  ['?limit=0', 'limit'],
  ['?limit=1001', 'limit'],
  ['?limit=-1', 'limit'],
  ['?limit=1.5', 'limit'],
  ['?limit=1e2', 'limit'],
  ['?limit=%2010', 'limit'],
  ['?limit=', 'limit'],
  ['?limit=1&limit=2', 'limit'],
  ['?state=gone', 'state'],
  ['?state=tracked&state=ended', 'state'],
  ['?app=', 'app'],
  ['?app=a%0d%0ab', 'app'],
  ['?label=', 'label'],
  ['?label==x', 'label'],
  [`?label=a=${'x'.repeat(400)}`, 'label'],
  [`?${Array(17).fill('label=a').join('&')}`, 'label'],
  [`?cursor=${'x'.repeat(257)}`, 'cursor'],
  ['?stat=ended', 'stat'],
  ['?__proto__=x', '__proto__'],
  ['?constructor=x', 'constructor'],
])('/calls%s is refused', async (query, parameter) => {
  const { app, calls } = await anApp();
  const answer = await app.inject(`/calls${query}`);
  expect(answer.statusCode).toBe(400);
  expect(answer.json()).toMatchObject({
    type: problemType('invalid-request'),
    errors: [{ parameter }],
  });
  expect(calls.asked).toEqual([]);
});

test('a page holds calls and where the next one begins', async () => {
  const { app, calls } = await anApp();
  calls.answers.list = async () => ({
    calls: [aCall(), aRemovedCall()],
    next: { slot: 16, after: '' },
  });
  const { calls: listed, next } = (await app.inject('/calls')).json();
  expect(listed.map(({ state }: { state: string }) => state)).toEqual(['tracked', 'ended']);
  expect(next).toBe('MTY6');
});

test.each([
  ['ended', null, true],
  ['ended', NOW, undefined],
  ['expired', null, undefined],
  ['untracked', null, undefined],
] as const)('a call that is %s, renewed at %s, was never renewed: %s', async (state, at, is) => {
  const { app, calls } = await anApp();
  calls.known.set(ID, aRemovedCall({ state, renewedAt: at }));
  expect((await app.inject(`/calls/${ID}`)).json().neverRenewed).toBe(is);
});

test.each(['label=', 'label', 'label==board', 'label=room&label='])(
  '?%s is refused in words, with what a label looks like',
  async (query) => {
    const { app, calls } = await anApp();
    const answer = await app.inject(`/calls?${query}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().detail).toMatch(/^label: must be key or key=value, such as room=board/);
    expect(answer.json().errors).toMatchObject([{ parameter: 'label' }]);
    expect(calls.asked).toEqual([]);
  },
);
