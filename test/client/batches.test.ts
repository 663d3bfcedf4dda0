import { expect, test } from 'vitest';
import { Callkeeper } from '../../src/client/index.ts';
import { aServer, json } from './server.ts';

const ID = '2e1a0b00-2db4-4022-9570-243709c565ab';

test('any number of calls is tracked, with as many in each request as fit', async () => {
  const sizes: [calls: number, bytes: number][] = [];
  const { url } = await aServer((response, seen) => {
    const { calls } = JSON.parse(seen.body) as { calls: { id: string }[] };
    sizes.push([calls.length, Buffer.byteLength(seen.body)]);
    const results = calls.map(({ id }) => ({ id, status: 201 }));
    json(200, { results })(response, seen);
  });
  const callkeeper = new Callkeeper({ baseUrl: url });
  const many = Array.from({ length: 2_001 }, (_, i) => ({ id: `call-${1e6 + i}` }));
  const results = await callkeeper.trackAll(many);
  expect(results.map(({ id }) => id)).toEqual(many.map(({ id }) => id));
  expect(sizes.splice(0).map(([calls]) => calls)).toEqual([1_000, 1_000, 1]);

  const values = Array.from({ length: 16 }, (_, i) => [`l${i}`, 'ü'.repeat(256)]);
  const labels = Object.fromEntries(values) as Record<string, string>;
  await callkeeper.trackAll(many.map((call) => ({ ...call, labels })));
  expect(sizes.reduce((sum, [calls]) => sum + calls, 0)).toBe(2_001);
  for (const [, bytes] of sizes) expect(bytes).toBeLessThan(2 * 1024 * 1024);
  expect(await callkeeper.trackAll([])).toEqual([]);
});

test('any number of calls is stopped, with up to 1,000 in each request', async () => {
  const { url, seen } = await aServer((response, one) => {
    const { ids } = JSON.parse(one.body) as { ids: string[] };
    json(200, { results: ids.map((id) => ({ id, status: 204 })) })(response, one);
  });
  const ids = Array.from({ length: 2_001 }, (_, i) => `call-${1e6 + i}`);
  const results = await new Callkeeper({ baseUrl: url }).untrackAll(ids);
  expect(results).toEqual(ids.map((id) => ({ id, status: 204 })));
  expect(seen.map((one) => one.url)).toEqual(Array(3).fill('/calls/untrack'));
  expect(seen.map(({ body }) => JSON.parse(body).ids.length)).toEqual([1_000, 1_000, 1]);
});

test('a bad id in a batch has its own error, and the other ids have their results', async () => {
  const error = {
    type: 'urn:callkeeper:problem:invalid-request',
    detail: 'must be the id of a call',
  };
  const results = [
    { id: '..', status: 400, error },
    { id: ID, status: 204 },
  ];
  const { url, seen } = await aServer(json(200, { results }));
  expect(await new Callkeeper({ baseUrl: url }).untrackAll(['..', ID])).toEqual(results);
  expect(seen).toHaveLength(1);
});

test.each([
  ['too few', []],
  ['too many', [{ id: ID }, { id: 'call-0002' }]],
  ['of another call', [{ id: 'call-0002' }]],
  ['none', null],
])('results that are %s are not those of the batch', async (_, results) => {
  const right = { results: [{ id: ID, status: 201 }] };
  const { url, seen } = await aServer(json(200, { results }), json(200, right));
  expect(await new Callkeeper({ baseUrl: url }).trackAll([{ id: ID }])).toEqual(right.results);
  expect(seen).toHaveLength(2);
});
