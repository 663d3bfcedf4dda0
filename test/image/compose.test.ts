import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { ID } from '../http/fixture.ts';
import { Project } from './project.ts';

const KEY = 'a-key-for-the-tests-of-compose';
const PROXY = 'http://127.0.0.1:8080';
const GOOD = {
  REDIS_PASSWORD: 'letters0and0digits',
  API_KEYS: KEY,
  AZURE_TENANT_ID: '11111111-1111-4111-8111-111111111111',
  AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
  AZURE_CLIENT_SECRET: 'no-entra-is-asked-here',
  // Nobody is asked by these tests, wherever they run.
  GRAPH_BASE_URL: 'http://127.0.0.1:9/v1.0',
  AZURE_AUTHORITY_HOST: 'https://127.0.0.1:9',
};

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${PROXY}${path}`, {
    ...init,
    headers: { ...init.headers, authorization: `Bearer ${KEY}` },
    signal: AbortSignal.timeout(30_000),
  });

/** Asks all the time, for changes too, until it is stopped; returns what each request got. */
async function asking(stop: AbortSignal): Promise<(number | string)[]> {
  const answers: (number | string)[] = [];
  for (let i = 0; !stop.aborted; i++) {
    const request =
      i % 2 === 0 ? ask('/calls?limit=1') : ask(`/calls/${ID}/track`, { method: 'POST' });
    answers.push(
      await request.then(
        async (answer) => {
          await answer.arrayBuffer();
          return answer.status;
        },
        (error: Error) => String(error.cause ?? error),
      ),
    );
    await sleep(50);
  }
  return answers;
}

describe.skipIf(inject('noDocker') !== null)('docker-compose.yml', () => {
  test('prints the faults of .env.example as it comes, and starts no replica', async () => {
    const project = new Project('docker-compose.yml');
    onTestFinished(() => project.remove());
    const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
    const filled = Object.fromEntries(
      [...example.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    project.write(filled);
    expect((await project.compose('up', '--build')).output).toContain('REDIS_PASSWORD');

    project.write({ ...filled, REDIS_PASSWORD: 'letters0and0digits' });
    const { code, output } = await project.compose('up', '--build');
    expect(code).toBe(1);
    expect(output).toContain('AZURE_TENANT_ID is still the placeholder');
    expect(output).toContain('AZURE_CLIENT_ID is still the placeholder');
    expect(output).toContain('API_KEYS');
    expect((await project.compose('ps', '--quiet', '--status=running', 'callkeeper')).output).toBe(
      '',
    );
  });

  test('an image without REDIS_URL ends with 2, and names it', async () => {
    const project = new Project('docker-compose.yml', { ...GOOD, REDIS_PASSWORD: 'x' });
    onTestFinished(() => project.remove());
    const { code, output } = await project.compose(
      ...['run', '--rm', '--build', '--no-deps', '-e', 'REDIS_URL=', 'callkeeper'],
    );
    expect(output).toContain('REDIS_URL is not set');
    expect(code).toBe(2);
  });

  test('passes on every variable, and rolls the replicas without a failed request', async () => {
    const env = { ...GOOD, RATE_LIMIT: '100000', LOG_LEVEL: 'debug' };
    const project = new Project('docker-compose.yml', env);
    onTestFinished(() => project.remove());
    const up = await project.compose('up', '--build', '--wait');
    expect(up.code, up.output).toBe(0);
    const replicas = async () =>
      (await project.compose('ps', '--quiet', 'callkeeper')).output.trim().split('\n').toSorted();
    const before = await replicas();
    expect(before).toHaveLength(2);
    const inside = await project.compose('exec', '-T', 'callkeeper', 'printenv', 'RATE_LIMIT');
    expect(inside.output.trim()).toBe('100000');
    await expect.poll(async () => (await ask('/readyz')).status, { timeout: 60_000 }).toBe(200);

    // Who asks is a neighbour of the proxy, and cannot pass for somebody else.
    const headers = { 'x-request-id': 'roll-1', 'x-forwarded-for': '203.0.113.7' };
    const tracked = await ask(`/calls/${ID}/track`, { method: 'POST', headers });
    expect([tracked.status, tracked.headers.get('x-request-id')]).toEqual([201, 'roll-1']);
    const logs = (await project.compose('logs', '--no-log-prefix', 'callkeeper')).output;
    const [line = ''] = /\{.*"reqId":"roll-1".*\}/.exec(logs) ?? [];
    const { address } = JSON.parse(line) as { address: string };
    const proxy = await project.compose('exec', '-T', 'proxy', 'hostname', '-i');
    expect(address).not.toBe('203.0.113.7');
    expect(address).not.toBe(proxy.output.trim());

    const stop = new AbortController();
    const answers = asking(stop.signal);
    const rolled = await project.run('bash', 'scripts/roll.sh');
    await sleep(2_000);
    stop.abort();
    expect(rolled.code, rolled.output).toBe(0);
    const counts = Object.groupBy(await answers, (answer) => String(answer));
    process.stdout.write(`roll: ${(await answers).length} requests\n`);
    expect(Object.keys(counts)).toEqual(['200']);
    const after = await replicas();
    expect(after).toHaveLength(2);
    expect(after.filter((container) => before.includes(container))).toEqual([]);

    // Nothing is left to do, so an `up` now stops nobody.
    const again = await project.compose('up', '--wait');
    expect(again.code, again.output).toBe(0);
    expect(await replicas()).toEqual(after);

    // What is wrong with the new environment is printed, and the replicas stay.
    project.write({ ...env, AZURE_TENANT_ID: '00000000-0000-0000-0000-000000000000' });
    const refused = await project.run('bash', 'scripts/roll.sh');
    expect(refused.code).toBe(2);
    expect(refused.output).toContain('AZURE_TENANT_ID is still the placeholder');
    expect(await replicas()).toEqual(after);

    const metrics = await ask('/metrics');
    expect(metrics.status).toBe(404);
    const scraped = () =>
      fetch('http://127.0.0.1:9090/api/v1/query?query=count(up{job="callkeeper"}==1)');
    await expect
      .poll(async () => JSON.stringify(await (await scraped()).json()), { timeout: 60_000 })
      .toContain('"2"');
  });
});
