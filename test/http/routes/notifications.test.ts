import { expect, test } from 'vitest';
import { anApp, ID } from '../fixture.ts';

const post = { method: 'POST', url: '/notifications' } as const;
const aNotification = (state: string, resourceUrl = `/communications/calls/${ID}`) => ({
  '@odata.type': '#microsoft.graph.commsNotification',
  changeType: 'updated',
  resourceUrl,
  resourceData: { '@odata.type': '#microsoft.graph.call', state },
});
const body = (...value: unknown[]) => ({
  '@odata.type': '#microsoft.graph.commsNotifications',
  value,
});

test('what is of calls is passed on, and what came of it is told', async () => {
  const { app, calls } = await anApp();
  const operation = aNotification('terminated', `/communications/calls/${ID}/operations/${ID}`);
  const payload = body(aNotification('established'), operation, 'what is this', null);
  const answer = await app.inject({ ...post, payload });
  expect([answer.statusCode, answer.json()]).toEqual([202, { tracked: 1, stopped: 0, ignored: 3 }]);
  expect(calls.asked).toEqual([['notify', [{ kind: 'established', id: ID, tenantId: null }], 4]]);
});

test.each([
  ['nothing', undefined],
  ['no object', []],
  ['no notifications', { value: 'x' }],
  ['one notification by itself', aNotification('established')],
  ['more than are taken at once', body(...Array.from({ length: 201 }, () => ({})))],
])('%s is refused', async (_, payload) => {
  const { app, calls } = await anApp();
  const answer = await app.inject({ ...post, ...(payload ? { payload } : {}) });
  expect(answer.statusCode).toBe(400);
  expect(calls.asked).toEqual([]);
});

test('a body of more than a MiB is refused', async () => {
  const { app } = await anApp();
  const answer = await app.inject({ ...post, payload: body('x'.repeat(1024 * 1024)) });
  expect(answer.statusCode).toBe(413);
});
