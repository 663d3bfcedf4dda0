import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Call } from '../../src/client/index.ts';
import type { GraphFault } from '../../src/simulator/faults.ts';
import { freePort } from '../free-port.ts';
import { cli, startCli, startInTerminal } from './cli.ts';
import { KEY, READ_KEY, Service } from './service.ts';

const service = new Service();
const { world } = service;
let env: Record<string, string>;
beforeAll(() => {
  env = service.env;
});

const aCall = () => world.simulator.createCall();
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Call);

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('calls', () => {
  test('are tracked with their fields, shown, and stopped', async () => {
    const id = aCall();
    const options = ['--app', 'default', '--label', 'room=board', '--label', 'note=a=b'];
    const at = ['--started-at', new Date(Date.now() - 5_000).toISOString()];
    const tracked = await cli(['track', id, ...options, ...at], env);
    expect(tracked).toEqual({ code: 0, stdout: `${id}  tracked\n`, stderr: '' });
    // Whatever the form of the id, and nothing that is not named is changed.
    const bare = id.replaceAll('-', '').toUpperCase();
    expect((await cli(['track', bare], env)).stdout).toBe(`${id}  tracked already\n`);
    expect((await cli(['track', id, bare], env)).stdout).toBe(`${id}  tracked already\n`);
    const shown = await cli(['show', bare, '--json'], env);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      id,
      state: 'tracked',
      labels: { room: 'board', note: 'a=b' },
    });
    expect((await cli(['untrack', bare], env)).stdout).toBe(`${id}  not tracked any more\n`);
    const after = await cli(['show', id], env);
    expect(after.code).toBe(0);
    expect(after.stdout).toMatch(/^state +untracked$/m);
    expect(after.stdout).toMatch(/^labels +room=board,note=a=b$/m);
  });

  test('are tracked with the outcome of their first keepAlives, if asked for', async () => {
    const [good, bad] = [aCall(), aCall()];
    const fault: GraphFault = { kind: 'status', status: 403, callIds: [bad] };
    world.simulator.graphFaults.set(fault);
    onTestFinished(() => void world.simulator.graphFaults.clear());
    const unknown = '00000000-0000-4000-8000-000000000404';
    const renewed = await cli(['track', good, '--wait'], env);
    expect(renewed).toEqual({ code: 0, stdout: `${good}  tracked and renewed\n`, stderr: '' });
    const failed = await cli(['track', '-', '--wait'], env, `${good} ${bad}\n${unknown}\n`);
    expect(failed.code).toBe(1);
    const lines = new Map(failed.stdout.match(/\S.+/g)?.map((line) => [line.slice(0, 36), line]));
    expect([...lines.keys()].sort()).toEqual([good, bad, unknown].sort());
    expect(lines.get(good)).toBe(`${good}  tracked and renewed`);
    expect(lines.get(bad)).toMatch(/ {2}tracked; the last keepAlive failed: 403 Forbidden: ./);
    expect(lines.get(unknown)).toMatch(/ {2}not tracked: Graph does not know this id\. Is the id,/);
    const never = JSON.parse((await cli(['show', unknown, '--json'], env)).stdout);
    expect(never).toMatchObject({ state: 'ended', renewedAt: null, neverRenewed: true });
    const removed = 'callkeeper_calls_removed_total{app="default",reason="unknown"}';
    await expect.poll(() => service.replica.metric(removed)).toBeGreaterThanOrEqual(1);
    const refused = await cli(['track', good, '--wait', '--app', 'nobody'], env);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain(`${good}  refused: /app: no app of this name`);
    const shown = await cli(['track', good, '--wait', '--json'], env);
    expect(jsonLines(shown.stdout)).toMatchObject([{ id: good, renewedAt: expect.any(String) }]);
  });

  test('are reset to their defaults field by field', async () => {
    const id = aCall();
    const until = ['--track-until', new Date(Date.now() + 600_000).toISOString()];
    await cli(['track', id, '--label', 'a=1', '--label', 'b=2', ...until], env);
    const shown = async () => JSON.parse((await cli(['show', id, '--json'], env)).stdout);
    await cli(['track', id, '--clear', 'track-until', '--label', 'c=3'], env);
    expect(await shown()).toMatchObject({ trackUntil: null, labels: { c: '3' } });
    expect((await shown()).labels).toEqual({ c: '3' });
    const rest = ['app', 'owner', 'tenant-id', 'started-at', 'label', 'webhook-url'];
    const all = rest.flatMap((name) => ['--clear', name]);
    expect((await cli(['track', id, ...all], env)).code).toBe(0);
    expect((await shown()).labels).toEqual({});
  });

  test.each([
    [['--clear', 'labels'], '--clear: expected one of app, owner, tenant-id,'],
    [['--clear', 'label', '--label', 'a=b'], '--clear label contradicts --label'],
    [['--clear', 'id'], 'got "id"'],
  ])('are not cleared of what %j means', async (options, message) => {
    const { code, stderr } = await cli(['track', 'call-0001', ...options], env);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  test('are taken from standard input, and listed over all pages', async () => {
    const ids = Array.from({ length: 1_203 }, (_, i) => `many-${10_000 + i}`);
    const given = `${ids.slice(0, 600).join('\n')}\n\n ${ids.slice(600).join(' ')}`;
    // Graph holds no such calls: it hears nothing of them for a while.
    world.simulator.graphFaults.set({ kind: 'status', status: 503 });
    onTestFinished(() => world.simulator.graphFaults.clear());
    const tracked = await cli(['track', '-', '--label', 'many=yes', '--json'], env, given);
    expect(tracked.code).toBe(0);
    expect(jsonLines(tracked.stdout)).toHaveLength(ids.length);
    const listed = await cli(['list', '--label', 'many=yes', '--json'], env);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(new Set(jsonLines(listed.stdout).map(({ id }) => id))).toEqual(new Set(ids));
    const table = await cli(['list', '--label', 'many'], env);
    expect(table.stdout.split('\n')).toHaveLength(1 + ids.length + 1);
    expect(table.stdout).toMatch(/^many-10000 +(1m)?\d+s +\d+ +never +default +.*many=yes$/m);
    expect(table.stderr).toBe('1,203 calls\n');
    const stopped = await cli(['untrack', '-'], env, given);
    expect(stopped.stdout.split('\n')).toHaveLength(ids.length + 1);
    expect((await cli(['list', '--label', 'many=yes', '--json'], env)).stdout).toBe('');
  }, 120_000);

  test('that fail are listed alone on demand, those of an app as well', async () => {
    const [good, bad] = [aCall(), aCall()];
    const fault: GraphFault = { kind: 'status', status: 500, callIds: [bad] };
    world.simulator.graphFaults.set(fault);
    onTestFinished(() => world.simulator.graphFaults.clear());
    // Calls of other tests may still fail from the faults of theirs: the label keeps them out.
    await cli(['track', good, bad, '--label', 'pair=one'], env);
    const ofPair = ['list', '--label', 'pair=one', '--json'];
    const failing = async () => (await cli([...ofPair, '--failing'], env)).stdout;
    await expect.poll(failing).not.toBe('');
    expect(jsonLines(await failing())).toMatchObject([{ id: bad, lastError: { status: 500 } }]);
    expect(jsonLines((await cli(ofPair, env)).stdout)).toHaveLength(2);
    const ofApp = jsonLines((await cli(['list', '--app', 'default', '--json'], env)).stdout);
    expect(ofApp.map(({ id }) => id)).toEqual(expect.arrayContaining([good, bad]));
    expect((await cli(['list', '--app', 'another', '--json'], env)).stdout).toBe('');
  });

  test('that fail are listed by cause, and the nearest deadlines first, up to a limit', async () => {
    const calls = [aCall(), aCall(), aCall()];
    const ofGroup = ['--label', 'group=causes'];
    world.simulator.graphFaults.set({ kind: 'status', status: 500, callIds: calls.slice(0, 2) });
    onTestFinished(() => world.simulator.graphFaults.clear());
    for (const [i, id] of calls.entries()) {
      const startedAt = new Date(Date.now() - 5_000 * i).toISOString();
      await cli(['track', id, ...ofGroup, '--started-at', startedAt], env);
    }
    const list = (...options: string[]) => cli(['list', ...ofGroup, ...options], env);
    const total = async () => (await list('--by', 'error')).stderr;
    await expect.poll(total).toBe('1 cause: 2 failing calls, of 3 in all\n');
    const causes = await list('--by', 'error');
    expect(causes.stdout).toMatch(/^2 +(1m)?\d+s +\d\d:\d\d:\d\dZ +default +[0-9a-f-]{36} +500 /m);
    const [cause] = jsonLines((await list('--by', 'error', '--json')).stdout);
    expect(cause).toMatchObject({ app: 'default', status: 500, calls: 2, atRisk: 0 });

    const sorted = jsonLines((await list('--sort', 'deadline', '--json')).stdout);
    const deadlines = sorted.map(({ deadlineAt }) => deadlineAt);
    expect([deadlines.length, deadlines]).toEqual([3, deadlines.toSorted()]);
    const first = await list('--sort', 'deadline', '--limit', '1', '--failing');
    expect(first.stderr).toBe('1 of 2 failing calls, of 3 in all\n');
    const nearest = sorted.find(({ consecutiveFailures }) => consecutiveFailures > 0);
    expect(first.stdout.split('\n')[1]).toMatch(new RegExp(`^${nearest?.id} `));
    expect((await list('--limit', '2')).stderr).toBe('2 of 3 calls\n');
  });

  test('fit a terminal of 80 columns with the time left, whatever their ids', async () => {
    const id = `long-${'x'.repeat(123)}`;
    // Graph does not know the id: without this fault it would end the call.
    world.simulator.graphFaults.set({ kind: 'status', status: 503, callIds: [id] });
    onTestFinished(() => world.simulator.graphFaults.clear());
    await cli(['track', id, '--label', `long=${'y'.repeat(200)}`], env);
    onTestFinished(async () => void (await cli(['untrack', id], env)));
    const list = startInTerminal(['list', '--label', 'long'], { ...env, NO_COLOR: '1' });
    const { code, stdout } = await list.ended;
    expect(code).toBe(0);
    const lines = stdout.replaceAll('\r', '').split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    // 60 s are left at first, which the table shows as 1m00s.
    expect(stdout).toMatch(/^long-x+…x+ {2}(1m)?\d+s /m);
    expect((await cli(['list', '--label', 'long'], env)).stdout).toContain(`${id}  `);
  });

  test.each([
    [['--sort', 'id'], '--sort: expected deadline, got "id"'],
    [['--by', 'app'], '--by: expected error, got "app"'],
    [['--limit', '0'], '--limit: expected a whole number from 1, got "0"'],
    [['--limit', '1e3'], 'got "1e3"'],
    [['--state', 'gone'], '--state: expected one of tracked, ended, expired, untracked'],
  ])('are not listed as %j asks', async (options, message) => {
    const { code, stderr } = await cli(['list', ...options], env);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  test('are not tracked if one of the ids is invalid', async () => {
    const { code, stderr } = await cli(['track', '-'], env, 'fine-0001\nno id!\n');
    expect(code).toBe(2);
    expect(stderr).toContain('got "no"');
    expect((await cli(['show', 'fine-0001'], env)).code).toBe(6);
  });

  test('that are refused are reported one by one', async () => {
    const { code, stdout } = await cli(['track', 'call-0001', '--app', 'unknown'], env);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^call-0001 {2}refused: .*app/);
  });
});

describe('a command', () => {
  test('without a key says where to give one, with exit code 4', async () => {
    const { code, stderr } = await cli(['list'], { CALLKEEPER_URL: service.replica.url });
    expect(code).toBe(4);
    expect(stderr).toContain('CALLKEEPER_API_KEY');
  });

  test('may take the key from a file', async () => {
    const file = join(world.directory, 'key');
    writeFileSync(file, `${KEY}\n`);
    const byFile = { CALLKEEPER_URL: service.replica.url, CALLKEEPER_API_KEY_FILE: file };
    expect((await cli(['list'], byFile)).code).toBe(0);
  });

  test('with a key without the scope ends with exit code 5', async () => {
    const reader = { ...env, CALLKEEPER_API_KEY: READ_KEY };
    expect((await cli(['list'], reader)).code).toBe(0);
    for (const command of ['track', 'untrack']) {
      const { code, stdout, stderr } = await cli([command, 'call-0001'], reader);
      expect([command, code]).toEqual([command, 5]);
      expect(`${stdout}${stderr}`).toContain('The key does not allow this');
    }
  });

  test('for an unknown call ends with exit code 6', async () => {
    const { code, stderr } = await cli(['show', 'unknown-0001'], env);
    expect(code).toBe(6);
    expect(stderr).toContain('unknown-0001 is not tracked, and was not within the last 24 hours');
  });

  test('without a server ends with exit code 3', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, stderr } = await cli(['list', '--url', url, '--timeout', '1'], env);
    expect(code).toBe(3);
    expect(stderr).toMatch(/cannot be reached: .*ECONNREFUSED.*\n.*--url or CALLKEEPER_URL/);
  });

  test('while no replica is ready ends with exit code 3, and says that one is alive', async () => {
    const server = createServer((_, response) => {
      const problem = { type: 'urn:callkeeper:problem:store-unavailable', status: 503 };
      response.writeHead(503, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ ...problem, title: 'The registry', detail: 'is out' }));
    });
    const url = await listen(server);
    const { code, stderr } = await cli(['list', '--url', url, '--timeout', '1'], env);
    expect(code).toBe(3);
    expect(stderr).toContain('answers, but cannot do this now: The registry: is out');
  });

  test('finds the daemon of the same environment', async () => {
    const { port } = new URL(service.replica.url);
    const { code } = await cli(['list'], { PORT: port, HOST: '0.0.0.0', CALLKEEPER_API_KEY: KEY });
    expect(code).toBe(0);
  });

  test('whose output is closed ends silently', async () => {
    await cli(['track', aCall()], env);
    const running = startCli(['list', '--json'], env);
    running.child.stdout?.destroy();
    expect(await running.ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

describe('health', () => {
  test('of a replica that serves is good, alive and ready', async () => {
    expect(await cli(['health'], env)).toMatchObject({
      code: 0,
      stdout: `${service.replica.url}  alive\n`,
    });
    expect((await cli(['health', '--ready'], env)).stdout).toBe(`${service.replica.url}  ready\n`);
  });

  test('of one without its Redis is alive and not ready', async () => {
    const port = await freePort();
    const waiting = world.replica({ REDIS_URL: `redis://127.0.0.1:${port}` });
    await waiting.logged('listening');
    const there = { CALLKEEPER_URL: waiting.url };
    expect((await cli(['health'], there)).code).toBe(0);
    const { code, stdout } = await cli(['health', '--ready'], there);
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/not ready: (waiting for Redis|Redis is out): .*ECONNREFUSED/),
    ]);
    await waiting.stop();
  });

  test('without a server fails', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, stdout } = await cli(['health', '--url', url, '--url', service.replica.url], env);
    expect(code).toBe(1);
    expect(stdout).toMatch(/not reachable: .*ECONNREFUSED.*\n.* {2}alive\n/);
  });
});

test('what a server says is never acted on by the terminal', async () => {
  const evil = '\x1b]0;owned\x07\x9b2J\u202e';
  const error = { at: '', status: 500, code: evil, message: evil, requestId: evil };
  const call = {
    id: evil,
    state: 'tracked',
    app: evil,
    labels: { [evil]: evil },
    lastError: error,
  };
  const owner = { owner: evil, app: evil, state: 'lapsed', tracked: 1, stopsAt: evil };
  // The client passes on no call and no owner that is not the one asked for.
  const answers: Readonly<Record<string, object>> = {
    '/calls': { calls: [call], next: null },
    '/calls/call-0001': { ...call, id: 'call-0001' },
    '/owners': { owners: [owner], next: null },
    '/owners/bot-7': { ...owner, owner: 'bot-7' },
  };
  const problem = { type: 'urn:x', title: evil, status: 400, detail: evil };
  const server = createServer(({ method, url = '' }, response) => {
    const answer = method === 'GET' ? answers[url.split('?')[0] ?? ''] : undefined;
    response.writeHead(answer ? 200 : 400, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? problem));
  });
  const there = { CALLKEEPER_URL: await listen(server) };
  const commands = [
    ['list'],
    ['list', '--json'],
    ['show', 'call-0001'],
    ['show', 'call-0001', '--json'],
    ['track', 'call-0001'],
    ['untrack', 'call-0001'],
    ['owners'],
    ['owners', '--json'],
    ['owners', 'bot-7'],
    ['owners', 'bot-7', '--drop'],
    ['health'],
  ];
  for (const command of commands) {
    const { stdout, stderr } = await cli(command, there);
    expect(`${stdout}${stderr}`).toMatch(/\\u(\{1b\}|001b)|not ready/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
    expect(`${stdout}${stderr}`).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  }
}, 120_000);
