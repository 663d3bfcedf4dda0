import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, test } from 'vitest';
import { buildOpenApi } from '../../src/http/app.ts';
import { anApp } from './fixture.ts';

/** The rules `recommended` of Redocly, all of them. */
async function lint(document: object) {
  const config = await createConfig({ extends: ['recommended'] });
  const faults = await lintFromString({ source: JSON.stringify(document), config });
  return faults.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]);
}

type Operation = Record<string, unknown> & { responses: Record<string, unknown> };
type Document = {
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
};

const build = async () => (await buildOpenApi('1.2.3')) as Document;

test('the document passes the linter', async () => {
  expect(await lint(await build())).toEqual([]);
});

test('the linter would find a fault', async () => {
  const document = await build();
  delete document.paths['/calls']?.get?.summary;
  expect(await lint(document)).toEqual([
    ['operation-summary', expect.any(String), '#/paths/~1calls/get/summary'],
  ]);
});

test('the document is the same each time, and the same as a running app serves', async () => {
  const document = await build();
  const { app } = await anApp();
  expect(await build()).toEqual(document);
  expect((await app.inject('/openapi.json')).json()).toEqual(document);
  expect(document.info.version).toBe('1.2.3');
});

test('it lists every route of the API and nothing else', async () => {
  const { paths } = await build();
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(routes.sort()).toEqual([
    'DELETE /calls/{id}/track',
    'DELETE /owners/{owner}',
    'GET /calls',
    'GET /calls/{id}',
    'GET /calls/{id}/attempts',
    'GET /events',
    'GET /livez',
    'GET /metrics',
    'GET /openapi.json',
    'GET /overview',
    'GET /owners',
    'GET /owners/{owner}',
    'GET /readyz',
    'POST /calls/track',
    'POST /calls/untrack',
    'POST /calls/{id}/keepAlive',
    'POST /calls/{id}/track',
    'POST /notifications',
    'PUT /owners/{owner}',
  ]);
});

test('each operation says which scope or role it wants, the open ones none', async () => {
  const { paths } = await build();
  const wanted = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { security }]) => [`${method} ${path}`, security]),
  );
  const read = [{ apiKey: ['read'] }, { entra: ['Callkeeper.Read'] }];
  const track = [{ apiKey: ['track'] }, { entra: ['Callkeeper.Track'] }];
  expect(Object.fromEntries(wanted)).toEqual({
    'get /calls': read,
    'get /calls/{id}': read,
    'get /calls/{id}/attempts': read,
    'get /events': read,
    'get /openapi.json': read,
    'get /overview': read,
    'post /calls/track': track,
    'post /calls/untrack': track,
    'get /owners': read,
    'get /owners/{owner}': read,
    'put /owners/{owner}': track,
    'delete /owners/{owner}': track,
    'post /calls/{id}/track': track,
    'delete /calls/{id}/track': track,
    'post /calls/{id}/keepAlive': track,
    'post /notifications': track,
    'get /metrics': [],
    'get /livez': [],
    'get /readyz': [],
  });
});

test('labels are described as they are checked', async () => {
  const { paths, components } = await build();
  const text = JSON.stringify(paths['/calls/{id}/track']?.post?.requestBody);
  expect(JSON.parse(text)).toMatchObject({
    required: false,
    content: { 'application/json': { schema: { $ref: '#/components/schemas/TrackBody' } } },
  });
  expect(JSON.parse(JSON.stringify(components.schemas.TrackBody))).toMatchObject({
    additionalProperties: false,
    properties: {
      labels: {
        maxProperties: 16,
        propertyNames: { pattern: expect.any(String) },
        additionalProperties: { type: 'string', pattern: expect.any(String) },
      },
    },
  });
});

test('its page needs nothing from other servers, and has no inline script', async () => {
  const { app } = await anApp();
  const page = await app.inject('/docs');
  expect(page.statusCode).toBe(200);
  const csp = String(page.headers['content-security-policy']);
  expect(csp).toContain("default-src 'none'");
  expect(csp).not.toMatch(/https?:|unsafe|\*/);
  const loaded = [...page.body.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => String(url));
  expect(loaded.length).toBeGreaterThan(4);
  for (const url of loaded) {
    const asset = await app.inject(url);
    expect([url, asset.statusCode]).toEqual([url, 200]);
    expect(asset.headers['content-security-policy']).toBe(csp);
  }
  expect(page.body).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bon\w+=|\bstyle=/);
  expect((await app.inject('/docs/json')).json().openapi).toBe('3.1.0');
});
