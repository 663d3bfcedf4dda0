import type { InjectOptions } from 'fastify';
import { expect, test } from 'vitest';
import { type ProblemName, problemType } from '../../src/http/problems.ts';
import { anApp, ID } from './fixture.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const url = `/calls/${ID}/track`;

function labels(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));
}

/** The body, and the pointers of the faults in the answer. */
const BAD_FIELDS: [string, unknown, string[]][] = [
  ['an array', [], ['']],
  ['null', null, ['']],
  ['a string', 'x', ['']],
  ['an unknown field', { apps: 'x' }, ['/apps']],
  ['an id in the body', { id: ID }, ['/id']],
  ['two unknown fields', { a: 1, b: 2 }, ['/a', '/b']],
  ['an own constructor', { constructor: 'x' }, ['/constructor']],
  ['a number for a text', { app: 5 }, ['/app']],
  ['null for a label', { labels: { a: null } }, ['/labels/a']],
  ['an empty app', { app: '' }, ['/app']],
  ['an app with a control character', { app: 'a\u0007' }, ['/app']],
  ['a tenant that is no GUID', { tenantId: 'contoso' }, ['/tenantId']],
  ['a GUID in braces', { tenantId: `{${ID}}` }, ['/tenantId']],
  ['an instant as a number', { startedAt: 1770091506 }, ['/startedAt']],
  ['an instant without a zone', { startedAt: '2026-02-03T04:05:06' }, ['/startedAt']],
  ['a day that does not exist', { trackUntil: '2026-02-30T04:05:06Z' }, ['/trackUntil']],
  ['a leap second', { trackUntil: '2026-12-31T23:59:60Z' }, ['/trackUntil']],
  ['the year 9999', { trackUntil: '9999-12-31T23:59:59Z' }, ['/trackUntil']],
  [
    'two instants and a webhook at fault',
    {
      startedAt: '0001-01-01T00:00:00Z',
      trackUntil: '2100-01-01T00:00:00Z',
      webhookUrl: 'https://user:secret@example.com/',
    },
    ['/startedAt', '/trackUntil', '/webhookUrl'],
  ],
  ['labels as a list', { labels: ['a'] }, ['/labels']],
  ['17 labels', { labels: labels(17) }, ['/labels']],
  ['a label that is no text', { labels: { a: 1 } }, ['/labels/a']],
  ['a label of 257 characters', { labels: { a: 'x'.repeat(257) } }, ['/labels/a']],
  ['a label with a line end', { labels: { a: 'x\ny' } }, ['/labels/a']],
  ['a label with a C1 control', { labels: { a: '\u0085' } }, ['/labels/a']],
  ['a label of half a surrogate pair', { labels: { 'a/b': '\ud800' } }, ['/labels/a~1b']],
  ['an empty label key', { labels: { '': 'x' } }, ['/labels/']],
  [
    'a label key of 64 characters',
    { labels: { ['k'.repeat(64)]: 'x' } },
    [`/labels/${'k'.repeat(64)}`],
  ],
  ['a label key with an equals sign', { labels: { 'a=b': 'x' } }, ['/labels/a=b']],
  ['a label key with a leading underscore', { labels: { _a: 'x' } }, ['/labels/_a']],
  ['a webhook over http', { webhookUrl: 'http://example.com/' }, ['/webhookUrl']],
  ['a webhook of another scheme', { webhookUrl: 'file:///etc/passwd' }, ['/webhookUrl']],
  ['a webhook that is relative', { webhookUrl: '/hook' }, ['/webhookUrl']],
  ['a webhook without a host', { webhookUrl: 'https://?x' }, ['/webhookUrl']],
  ['a webhook with a line end', { webhookUrl: 'https://a.example/\nx' }, ['/webhookUrl']],
  ['a webhook that is too long', { webhookUrl: `https://a/${'x'.repeat(2048)}` }, ['/webhookUrl']],
  ['an app that is not configured', { app: 'nobody' }, ['/app']],
];

test.each(BAD_FIELDS)('%s is refused, with its pointer', async (_, body, pointers) => {
  const { app, calls } = await anApp();
  const request = { method: 'POST', url, headers: JSON_TYPE } as const;
  const answer = await app.inject({ ...request, payload: JSON.stringify(body) });
  expect(answer.statusCode).toBe(400);
  const problem = answer.json();
  expect(problem.type).toBe(problemType('invalid-request'));
  expect(problem.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
  expect(calls.known.size).toBe(0);

  const batch = { calls: [{ id: ID, ...Object(body) }] };
  if (typeof body !== 'object' || body === null || Array.isArray(body) || 'id' in body) return;
  const alike = await app.inject({
    ...request,
    url: '/calls/track',
    payload: JSON.stringify(batch),
  });
  const { errors } = alike.json().results[0].error;
  const inBatch = errors.map(({ pointer }: { pointer: string }) => pointer);
  expect(inBatch).toEqual(pointers.map((pointer) => `/calls/0${pointer}`));
  expect(calls.known.size).toBe(0);
});

const BAD_BODIES: [string, Partial<InjectOptions>, number, ProblemName][] = [
  ['that is not JSON', { headers: JSON_TYPE, payload: '{"app":' }, 400, 'invalid-json'],
  ['of white space', { headers: JSON_TYPE, payload: '  ' }, 400, 'invalid-json'],
  ['with __proto__', { headers: JSON_TYPE, payload: '{"__proto__":{}}' }, 400, 'invalid-json'],
  [
    'with __proto__ deep inside',
    { headers: JSON_TYPE, payload: '{"labels":{"__proto__":"x"}}' },
    400,
    'invalid-json',
  ],
  [
    'with an escaped __proto__',
    { headers: JSON_TYPE, payload: '{"labels":{"\\u005f_proto__":"x"}}' },
    400,
    'invalid-json',
  ],
  [
    'with a prototype of a constructor',
    { headers: JSON_TYPE, payload: '{"constructor":{"prototype":{}}}' },
    400,
    'invalid-json',
  ],
  [
    'nested 30,000 deep',
    { headers: JSON_TYPE, payload: `${'['.repeat(30_000)}${']'.repeat(30_000)}` },
    400,
    'invalid-request',
  ],
  ['without a content type', { payload: Buffer.from('{}') }, 415, 'unsupported-media-type'],
  [
    'as text',
    { headers: { 'content-type': 'text/plain' }, payload: '{}' },
    415,
    'unsupported-media-type',
  ],
  [
    'as a form',
    { headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: 'app=x' },
    415,
    'unsupported-media-type',
  ],
  [
    'of a content type that is none',
    { headers: { 'content-type': ';;' }, payload: '{}' },
    415,
    'unsupported-media-type',
  ],
  [
    'of more than 64 KiB',
    { headers: JSON_TYPE, payload: `{"app":"${'x'.repeat(64 * 1024)}"}` },
    413,
    'body-too-large',
  ],
];

test.each(BAD_BODIES)('a body %s is refused', async (_, request, status, name) => {
  const { app, calls } = await anApp();
  const answer = await app.inject({ method: 'POST', url, ...request });
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.json()).toMatchObject({ type: problemType(name), status });
  expect(calls.asked).toEqual([]);
});

test.each<[string, Partial<InjectOptions>]>([
  ['no body and no content type', {}],
  ['no body and a content type', { headers: JSON_TYPE }],
  [
    "what curl -d '' sends",
    { headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0' } },
  ],
  ['an empty object', { headers: JSON_TYPE, payload: '{}' }],
  [
    'a content type with a charset',
    { headers: { 'content-type': 'application/json; charset=utf-8' }, payload: '{}' },
  ],
])('%s suffices to track', async (_, request) => {
  const { app, calls } = await anApp();
  const { statusCode } = await app.inject({ method: 'POST', url, ...request });
  expect(statusCode).toBe(201);
  expect(calls.asked).toEqual([['track', [expect.objectContaining({ id: ID })]]]);
});

test('null reaches the domain as null, and a missing field is missing', async () => {
  const { app, calls } = await anApp();
  const names = ['app', 'tenantId', 'startedAt', 'trackUntil', 'labels', 'webhookUrl'];
  for (const name of names) {
    const item = { id: ID, [name]: null };
    await app.inject({ method: 'POST', url, payload: { [name]: null } });
    await app.inject({ method: 'POST', url: '/calls/track', payload: { calls: [item] } });
    const alone = ['track', [item]];
    expect(calls.asked.splice(0)).toEqual([alone, alone]);
  }
});

test('a full body reaches the domain in its own terms', async () => {
  const { app, calls } = await anApp();
  const body = {
    app: 'second',
    tenantId: ID.toUpperCase(),
    startedAt: '2026-02-03T05:05:06.789+01:00',
    trackUntil: '2026-02-03T06:00:00Z',
    labels: { ...labels(14), constructor: 'a label like any other', 'k8s.io/pod': '' },
    webhookUrl: 'https://bot.example.com/hook?a=b',
  };
  const answer = await app.inject({
    method: 'POST',
    url: `/calls/${ID.toUpperCase()}/track`,
    payload: body,
  });
  expect(answer.statusCode).toBe(201);
  expect(calls.asked).toEqual([
    [
      'track',
      [
        {
          ...body,
          id: ID,
          tenantId: ID,
          startedAt: Date.UTC(2026, 1, 3, 4, 5, 6, 789),
          trackUntil: Date.UTC(2026, 1, 3, 6),
        },
      ],
    ],
  ]);
  expect(answer.json().labels).toEqual(body.labels);
});
