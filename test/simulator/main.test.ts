import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { describeOwner, emptyOwner } from '../../src/calls/owner.ts';
import { readConfig } from '../../src/config/config.ts';
import type { Renewed } from '../../src/owners/owners.ts';
import { anApp } from '../http/fixture.ts';

const directory = mkdtempSync(join(tmpdir(), 'callkeeper-simulator-'));
afterAll(() => rmSync(directory, { recursive: true }));

function run(...options: string[]): { child: ChildProcess; output: () => string } {
  const ports = ['--graph-port', '0', '--entra-port', '0', '--directory', directory];
  const child = spawn(process.execPath, ['src/cli.ts', 'simulator', ...ports, ...options]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data: Buffer) => {
      output += data.toString();
    });
  }
  return { child, output: () => output };
}

const pairs = (lines: string[]) => lines.map((line) => line.split('='));
const ID = '11111111-1111-4111-8111-111111111111';
const APP = pairs([
  `AZURE_TENANT_ID=${ID}`,
  `AZURE_CLIENT_ID=${ID}`,
  'AZURE_CLIENT_SECRET=s',
  'REDIS_URL=redis://localhost',
]);

describe('the simulator command', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'prints the environment for a daemon, and ends with 0 on %s',
    async (signal) => {
      const { child, output } = run();
      await expect.poll(output).toMatch(/AZURE_CLIENT_SECRET=\S+\n/);
      const environment = Object.fromEntries(
        [...output().matchAll(/^([A-Z_]+)=(.+)$/gm)].map(([, name, value]) => [name, value]),
      );
      expect(environment.GRAPH_BASE_URL).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1\.0$/);
      expect(environment.AZURE_AUTHORITY_HOST).toMatch(/^https:\/\/localhost:\d+$/);
      expect(readFileSync(environment.NODE_EXTRA_CA_CERTS ?? '', 'utf8')).toMatch(/^-----BEGIN C/);
      const exited = once(child, 'exit');
      child.kill(signal);
      expect(await exited).toEqual([0, null]);
    },
  );

  test.each([
    ['45m', []],
    ['1h', []],
    ['30s', ['KEEPALIVE_INTERVAL=10s', 'KEEPALIVE_DEADLINE=30s']],
    ['0.5m', ['KEEPALIVE_INTERVAL=10s', 'KEEPALIVE_DEADLINE=30s']],
    ['10s', ['KEEPALIVE_INTERVAL=3333ms', 'KEEPALIVE_DEADLINE=10s']],
    ['2500ms', ['KEEPALIVE_INTERVAL=1s', 'KEEPALIVE_DEADLINE=2500ms']],
  ])('prints the durations of a daemon for a deadline of %s', async (deadline, durations) => {
    const { child, output } = run('--deadline', deadline);
    onTestFinished(() => void child.kill());
    await expect.poll(output).toMatch(/^curl .+$/m);
    expect(output().match(/^KEEPALIVE_.+$/gm) ?? []).toEqual(durations);
    expect(() => readConfig(Object.fromEntries([...APP, ...pairs(durations)]))).not.toThrow();
  });

  test('comes back with both of its listeners down', async () => {
    const { child, output } = run();
    await expect.poll(output).toMatch(/^curl .+$/m);
    const control = /(http:\S+\/_simulator);/.exec(output())?.[1] ?? '';
    const post = (path: string) =>
      // Long enough to be seen on a busy machine.
      fetch(`${control}/${path}`, { method: 'POST', body: '{ "forMs": 5000 }' });
    await post('entra/down');
    await post('graph/down');
    const isUp = () =>
      fetch(`${control}/calls`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(isUp).toBe(false);
    await expect.poll(isUp).toBe(true);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });

  test('runs a bot that owns the calls that it tracks with --bot', async () => {
    const names: string[] = [];
    const renew = async (name: string): Promise<Renewed> => {
      names.push(name);
      const owner = describeOwner(emptyOwner(`${name}@default`), 0, { servedSince: 0, graceMs: 0 });
      return { kind: 'renewed', owner, durable: true, isNew: true };
    };
    const { app, calls } = await anApp({ owners: { within: () => ({ renew }) as never } });
    const replica = await app.listen({ port: 0, host: '127.0.0.1' });
    const { child, output } = run('--bot', replica);
    await expect.poll(() => calls.asked.length).toBeGreaterThan(2);
    const control = /(http:\S+\/_simulator);/.exec(output())?.[1] ?? '';
    const there = (await (await fetch(`${control}/calls`)).json()) as { id: string }[];
    const ids = there.map(({ id }) => id);
    for (const [what, requests] of calls.asked.slice(0, 3)) {
      expect(what).toBe('track');
      const [{ id, owner }] = requests as [{ id: string; owner: string }];
      expect(ids).toContain(id);
      expect(names).toContain(owner);
    }
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });

  test.each([
    [['--bot', 'replica-1'], 'expected an http:// or https:// URL after --bot, got "replica-1"'],
    [['--deadline', 'soon'], 'expected a duration such as 500ms, 5s, 45m or 1h, got "soon"'],
    [['--graph-port', '70000'], 'expected a port from 0 to 65535, got "70000"'],
    [['--nonsense'], 'there is no option --nonsense'],
  ])('refuses %j with what was expected', async (options, message) => {
    const { child, output } = run(...options);
    expect(await once(child, 'close')).toEqual([2, null]);
    expect(output()).toContain(message);
  });
});
