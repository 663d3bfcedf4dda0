import type { InjectOptions } from 'fastify';
import { Compile } from 'typebox/schema';
import { expect, test } from 'vitest';
import { buildOpenApi } from '../../src/http/app.ts';
import { aCall, anApp, aRemovedCall, ERROR, ID, NOW } from './fixture.ts';

type Media = Record<string, { schema: object }>;
type Responses = Record<string, { content?: Media }>;
type Document = {
  paths: Record<string, Record<string, { responses: Responses }>>;
  components: object;
};

const OTHER = 'abcdefgh';
const batch = { calls: [{ id: OTHER }, { id: '../' }, { id: OTHER, app: 'nobody' }] };
const ANSWERS: [string, string, number, InjectOptions][] = [
  [
    'post',
    '/calls/{id}/track',
    201,
    { url: `/calls/${OTHER}/track`, payload: { labels: { a: 'b' } } },
  ],
  ['post', '/calls/{id}/track', 200, { url: `/calls/${ID}/track` }],
  ['post', '/calls/{id}/track', 400, { url: `/calls/${ID}/track`, payload: { x: 1 } }],
  ['post', '/calls/{id}/track', 415, { url: `/calls/${ID}/track`, payload: 'x' }],
  ['delete', '/calls/{id}/track', 204, { url: `/calls/${ID}/track` }],
  ['get', '/calls/{id}', 200, { url: `/calls/${ID}` }],
  ['get', '/calls/{id}', 200, { url: '/calls/gone-call' }],
  ['get', '/calls/{id}', 404, { url: `/calls/${OTHER}` }],
  ['get', '/calls', 200, { url: '/calls' }],
  ['get', '/calls', 400, { url: '/calls?limit=x' }],
  ['post', '/calls/track', 200, { url: '/calls/track', payload: batch }],
  ['post', '/calls/{id}/keepAlive', 200, { url: `/calls/${ID}/keepAlive` }],
  ['post', '/calls/{id}/keepAlive', 404, { url: '/calls/ended-call/keepAlive' }],
  ['post', '/calls/{id}/keepAlive', 502, { url: '/calls/failing-call/keepAlive' }],
  ['get', '/overview', 200, { url: '/overview' }],
  ['get', '/metrics', 200, { url: '/metrics' }],
  ['get', '/livez', 200, { url: '/livez' }],
  ['get', '/readyz', 200, { url: '/readyz' }],
  ['get', '/openapi.json', 200, { url: '/openapi.json' }],
];

const document = (await buildOpenApi('1')) as Document;

async function aBusyApp() {
  const { app, calls } = await anApp();
  calls.known.set(ID, aCall({ lastError: ERROR, renewedAt: NOW, trackUntil: NOW }));
  calls.known.set(
    'gone-call',
    aRemovedCall({ id: 'gone-call', state: 'untracked', reason: 'notification' }),
  );
  calls.answers.keepAliveNow = async (id) => {
    if (id === ID) return { outcome: { kind: 'renewed', sentAt: NOW }, call: aCall() };
    const kind = id === 'ended-call' ? 'ended' : 'failed';
    return { outcome: { kind, sentAt: NOW, error: ERROR }, call: aRemovedCall({ id }) };
  };
  return app;
}

test.each(ANSWERS)(
  '%s %s answers %i as it is documented',
  async (method, path, status, request) => {
    const app = await aBusyApp();
    const answer = await app.inject({ ...request, method: method as 'GET' });
    expect(answer.statusCode).toBe(status);
    const documented = document.paths[path]?.[method]?.responses[String(status)];
    expect(documented).toBeDefined();
    const type = String(answer.headers['content-type'] ?? '').split(';')[0] ?? '';
    if (!documented?.content) {
      expect(answer.body).toBe('');
      return;
    }
    const schema = documented.content[type]?.schema;
    expect(schema, type).toBeDefined();
    const check = Compile(closed({ ...schema, components: document.components }));
    const body = type === 'text/plain' ? answer.body : answer.json();
    expect(check.Errors(body)).toEqual([true, []]);
  },
);

/** The same schema, but with nothing in an answer that it does not name. */
function closed(schema: object): object {
  return JSON.parse(JSON.stringify(schema), (_key, value) =>
    value?.type === 'object' && value.properties && value.additionalProperties === undefined
      ? { ...value, additionalProperties: false }
      : value,
  );
}
