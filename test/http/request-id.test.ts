import { once } from 'node:events';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { anApp, ID } from './fixture.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const track = { method: 'POST', url: `/calls/${ID}/track` } as const;

describe('X-Request-Id', () => {
  test.each([
    'a',
    'bot-7:00000042',
    '1-67891233-abcdef012345678912345678',
    'b64/+id==',
    'x'.repeat(128),
  ])('%j passes through: the answer and the log have it', async (id) => {
    const { app, logged } = await anApp({ level: 'info' });
    const answer = await app.inject({ ...track, headers: { 'x-request-id': id } });
    expect(answer.headers['x-request-id']).toBe(id);
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([{ audit: true, reqId: id }]);
  });

  test.each(['', ' ', 'a b', 'a"b', 'a,b', 'é', '<a>', 'x'.repeat(129)])(
    '%j is replaced by a new one',
    async (id) => {
      const { app, logged } = await anApp({ level: 'info' });
      const answer = await app.inject({ ...track, headers: { 'x-request-id': id } });
      expect(answer.headers['x-request-id']).toMatch(UUID);
      expect(JSON.parse(logged[0] ?? '').reqId).toBe(answer.headers['x-request-id']);
    },
  );

  test('is a new one for each request that has none', async () => {
    const { app } = await anApp();
    const ids = [await app.inject('/livez'), await app.inject('/livez')].map(
      ({ headers }) => headers['x-request-id'],
    );
    expect(ids).toEqual([expect.stringMatching(UUID), expect.stringMatching(UUID)]);
    expect(ids[0]).not.toBe(ids[1]);
  });

  test.each(['/nowhere', '/calls/%zz', '/calls?limit=none'])(
    'is in the answer for %s, a fault',
    async (url) => {
      const { app } = await anApp();
      const answer = await app.inject({ url, headers: { 'x-request-id': 'mine' } });
      expect(answer.statusCode).toBeGreaterThanOrEqual(400);
      expect(answer.headers['x-request-id']).toBe('mine');
    },
  );

  test('is in the answer of a stream of events', async () => {
    const { app } = await anApp();
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const asked = request({ port, path: '/events', headers: { 'x-request-id': 'mine' } }).end();
    const [answer] = await once(asked, 'response');
    expect(answer.headers['x-request-id']).toBe('mine');
    asked.destroy();
  });
});
