import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Simulator } from '../../src/simulator/simulator.ts';

const simulator = new Simulator({ host: '127.0.0.1' });
beforeAll(() => simulator.start());
afterAll(() => simulator.stop());
beforeEach(() => simulator.reset());

/** Not `fetch`, which sets some of these headers itself. PORT stands for the simulator's port. */
async function ask(method: string, path: string, headers: Record<string, string>) {
  const { origin, port } = new URL(simulator.graphBaseUrl);
  const named = Object.entries(headers).map(([name, value]) => [name, value.replace('PORT', port)]);
  const sent = request(origin + path, { method, agent: false, headers: Object.fromEntries(named) });
  sent.end(method === 'POST' ? '{}' : undefined);
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode as number;
}

const CALLS = '/_simulator/calls';

describe('the simulator', () => {
  test.each([
    {},
    { host: 'localhost:PORT' },
    { host: 'LOCALHOST' },
    { host: '[::1]:PORT' },
    { host: '192.0.2.7:PORT' },
    { origin: 'http://127.0.0.1:PORT', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ])('does what is asked with the headers %j', async (headers) => {
    expect(await ask('POST', CALLS, headers)).toBe(200);
    expect(simulator.summary()).toHaveLength(1);
  });

  test.each<Record<string, string>>([
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { host: 'evil.example:PORT' },
    { host: 'localhost.evil.example' },
    { host: '127.0.0.1.evil.example' },
    { host: '@' },
  ])('does nothing for a post with the headers %j', async (headers) => {
    expect(await ask('POST', CALLS, headers)).toBe(403);
    expect(simulator.summary()).toEqual([]);
  });

  test('refuses every way of changing something to another site, and reads to another name', async () => {
    const site = { 'sec-fetch-site': 'cross-site' };
    expect(await ask('PUT', '/_simulator/secrets', site)).toBe(403);
    expect(await ask('DELETE', '/_simulator/faults/graph', site)).toBe(403);
    expect(await ask('POST', '/v1.0/communications/calls', site)).toBe(403);
    expect(await ask('GET', CALLS, site)).toBe(200);
    expect(await ask('GET', '/_simulator/ledger', { host: 'evil.example' })).toBe(403);
  });
});

test('a simulator that listens on a name answers to that name', async () => {
  const named = new Simulator({ host: 'LocalHost' });
  await named.start();
  expect((await fetch(named.graphBaseUrl.replace('v1.0', '_simulator/calls'))).status).toBe(200);
  await named.stop();
});
