import { expect, test } from 'vitest';
import type { AdmitNotifications } from '../../../src/http/routes/notifications.ts';
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

test('notifications of calls are passed on, and their results returned', async () => {
  const { app, calls } = await anApp();
  const operation = aNotification('terminated', `/communications/calls/${ID}/operations/${ID}`);
  const payload = body(aNotification('established'), operation, 'what is this', null);
  const answer = await app.inject({ ...post, payload });
  expect([answer.statusCode, answer.json()]).toEqual([
    202,
    { tracked: 1, updated: 0, stopped: 0, ignored: 3 },
  ]);
  expect(calls.asked).toEqual([
    ['notify', [{ kind: 'established', id: ID, tenantId: null }], { total: 4, visibleApps: null }],
  ]);
});

test('notifications that name an app change only its calls', async () => {
  const { app, calls } = await anApp();
  await app.inject({ ...post, url: '/notifications?app=a', payload: body() });
  expect(calls.asked).toEqual([
    ['notify', [], { total: 0, app: 'a', visibleApps: new Set(['a']) }],
  ]);
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

test("if Graph's token is checked, the header that the bot passed on is used", async () => {
  const asked: unknown[] = [];
  const admitNotifications: AdmitNotifications = async (...given) => {
    asked.push(given);
    return { kind: 'admitted', app: 'of the token', visibleApps: new Set(['of the token']) };
  };
  const { app, calls } = await anApp({ admitNotifications });
  const send = (headers: Record<string, string>, url: string = post.url) =>
    app.inject({ ...post, url, headers, payload: body() });
  await send({ authorization: 'Bearer key', 'x-forwarded-authorization': 'Bearer jwt' });
  await send({ authorization: 'Bearer jwt' }, '/notifications?app=other');
  await send({});
  expect(asked).toEqual([
    ['Bearer jwt', undefined],
    ['Bearer jwt', 'other'],
    [undefined, undefined],
  ]);
  const visibleApps = new Set(['of the token']);
  expect(calls.asked[0]).toEqual(['notify', [], { total: 0, app: 'of the token', visibleApps }]);
});

test.each([
  ['refused', 401, 'graph-token-refused'],
  ['unverifiable', 503, 'graph-keys-unavailable'],
] as const)(
  'a token that is %s is answered %i; why stays in the log',
  async (kind, status, name) => {
    const admitNotifications: AdmitNotifications = async () => ({ kind, message: 'the reason' });
    const { app, calls, logged } = await anApp({ admitNotifications });
    const answer = await app.inject({ ...post, payload: body(aNotification('established')) });
    expect([answer.statusCode, answer.json().type]).toEqual([
      status,
      `urn:callkeeper:problem:${name}`,
    ]);
    expect(calls.asked).toEqual([]);
    expect(answer.body).not.toContain('the reason');
    expect(logged.join('')).toContain('the reason');
    expect(answer.headers['www-authenticate'] !== undefined).toBe(status === 401);
    expect(answer.headers['retry-after'] !== undefined).toBe(status === 503);
  },
);
