import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../free-port.ts';
import { procStat } from '../proc.ts';
import { World } from './world.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PATIENCE = { timeout: 60_000, interval: 20 };
const SLOW = { timeout: 120_000 };

async function newWorld(): Promise<World> {
  const world = await new World().start();
  onTestFinished(() => world.stop());
  return world;
}

/** The script `start` as a service manager runs it, in a session of its own, with the daemon's log. */
async function start(world: World, [program, ...args]: readonly [string, ...string[]]) {
  const port = await freePort();
  const { PATH, HOME = '' } = process.env;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { PATH, HOME, ...world.env(), PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const messages: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) messages.push(JSON.parse(line).msg);
  });
  const logged = (msg: string) => vi.waitFor(() => expect(messages).toContain(msg), PATIENCE);
  await logged('Redis serves');
  const pids = [child.pid ?? 0, ...descendants(child.pid ?? 0)];
  onTestFinished(() => {
    for (const pid of pids) sendTo(pid, 'SIGKILL');
  });
  return { child, pids, port, logged };
}

function descendants(pid: number): number[] {
  const pids = childrenOf(pid);
  return pids.flatMap((child) => [child, ...descendants(child)]);
}

function childrenOf(pid: number): number[] {
  return ifThere(() => readdirSync(`/proc/${pid}/task`)).flatMap((task) => {
    const path = `/proc/${pid}/task/${task}/children`;
    return ifThere(() => readFileSync(path, 'utf8').match(/\d+/g) ?? []).map(Number);
  });
}

/** Nothing if the process or thread has ended. */
function ifThere(read: () => string[]): string[] {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

function sendTo(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // it is gone
  }
}

/** Also one that is nothing but its exit code, which its new parent has yet to take. */
const isGone = (pid: number) => 'ZX'.includes(procStat(pid)?.state ?? 'X');

const allGone = (pids: readonly number[]) =>
  vi.waitFor(() => expect(pids.filter((pid) => !isGone(pid))).toEqual([]), PATIENCE);

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  return (await once(child, 'exit'))[0];
}

const NPM = ['npm', 'start', '--silent'] as const;
/** npm's shell, if it is dash, dies of SIGTERM before the daemon has stopped, and npm with it. */
const STARTS = [
  [['node', 'scripts/run.mjs', 'start'], [0]],
  [NPM, [0, null]],
] as const;

describe.each(STARTS)('a daemon that %j has started', (command, codes) => {
  test('stops in order at SIGTERM to all processes of a unit at once', SLOW, async () => {
    const world = await newWorld();
    const { child, pids, port, logged } = await start(world, command);
    // the launcher, the daemon, its redis-server and what watches that
    expect(pids.length).toBeGreaterThanOrEqual(4);
    const id = world.simulator.createCall();
    const tracked = await fetch(`http://127.0.0.1:${port}/calls/${id}/track`, { method: 'POST' });
    expect(tracked.status).toBeLessThan(300);
    await vi.waitFor(async () => {
      const call = await fetch(`http://127.0.0.1:${port}/calls/${id}`);
      expect(await call.json()).toMatchObject({ durable: true });
    }, PATIENCE);
    for (const pid of pids) sendTo(pid, 'SIGTERM');
    expect(codes).toContain(await exitCodeOf(child));
    await allGone(pids);
    await logged('stopping');
    const next = await world.replica({}).ready();
    expect((await next.request('GET', `/calls/${id}`)).body.state).toBe('tracked');
  });

  test('stops in order at SIGTERM to what started it alone', SLOW, async () => {
    const world = await newWorld();
    const { child, pids, logged } = await start(world, command);
    child.kill('SIGTERM');
    expect(codes).toContain(await exitCodeOf(child));
    await allGone(pids);
    await logged('stopping');
  });
});

test(
  'a daemon whose npm and launcher are killed by SIGKILL stops in order, its Redis too',
  SLOW,
  async () => {
    const world = await newWorld();
    const { child, pids, port, logged } = await start(world, NPM);
    process.kill(-(child.pid ?? Number.NaN), 'SIGKILL'); // not the daemon: it has a group of its own
    await logged('stopping');
    await allGone(pids);
    const next = await world.replica({ PORT: String(port) }).ready();
    expect(next.url).toBe(`http://127.0.0.1:${port}`);
  },
);

const canUnshare = tryUnshare();
function tryUnshare(): boolean {
  try {
    return execFileSync('unshare', ['--fork', '--pid', 'true']).length === 0;
  } catch {
    return false; // no util-linux, or no right to
  }
}

test.skipIf(!canUnshare).each(['SIGTERM', 'SIGINT'] as const)(
  'PID 1 ends at once if %s comes before it has started',
  SLOW,
  async (signal) => {
    const world = await newWorld();
    const command = [
      '--fork',
      '--pid',
      '--kill-child',
      process.execPath,
      join(ROOT, 'src/main.ts'),
    ];
    const child = spawn('unshare', command, {
      cwd: world.directory,
      env: { PATH: process.env.PATH, PORT: '0', ...world.env() },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    // The kernel drops each that comes before there is a handler.
    const repeat = setInterval(() => {
      for (const pid of descendants(child.pid ?? 0)) sendTo(pid, signal);
    }, 20);
    const code = await exitCodeOf(child).finally(() => clearInterval(repeat));
    expect(code).toBe(0);
    expect(output).toBe('');
  },
);

test.each([
  ['still counts as up', 'embedded redis-server cannot be started: retrying'],
  ['counts as out', 'Redis is out'],
])(
  'SIGTERM waits for an embedded redis-server that cannot be started and %s, and loses no call',
  SLOW,
  async (_, seen) => {
    const world = await newWorld();
    const bin = join(world.directory, 'bin');
    const wrapper = join(bin, 'redis-server');
    const real = execFileSync('sh', ['-c', 'command -v redis-server'], { encoding: 'utf8' }).trim();
    mkdirSync(bin);
    writeFileSync(wrapper, `#!/bin/sh\nexec ${real} "$@"\n`, { mode: 0o755 });
    const replica = await world.replica({ PATH: bin }).ready();
    const redis = descendants(replica.pid).find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('redis-server'),
    );
    chmodSync(wrapper, 0o644);
    expect(redis).toBeGreaterThan(1);
    process.kill(redis ?? Number.NaN, 'SIGKILL');
    await replica.logged('embedded redis-server cannot be started: retrying');
    const id = world.simulator.createCall();
    const tracked = await replica.request('POST', `/calls/${id}/track`);
    expect(tracked).toMatchObject({ status: 202, body: { durable: false } });
    replica.signal('SIGTERM');
    await replica.logged('stopping');
    await replica.logged(seen);
    chmodSync(wrapper, 0o755);
    expect(await replica.exit()).toBe(0);
    const next = await world.replica({}).ready();
    expect((await next.request('GET', `/calls/${id}`)).body.state).toBe('tracked');
  },
);

test(
  'a certificate and a proxy that cannot be used stop the start with exit code 2, by name',
  SLOW,
  async () => {
    const world = await newWorld();
    const path = join(world.directory, 'bot\u202e\u009b2J.pem');
    writeFileSync(path, '-----BEGIN PRIVATE KEY-----\\nMII\\n-----END PRIVATE KEY-----');
    const replica = world.replica({
      AZURE_CLIENT_SECRET: '',
      AZURE_CLIENT_CERTIFICATE_PATH: path,
      HTTPS_PROXY: 'http://bot:pass-word%@proxy.example:3128',
    });
    expect(await replica.exit()).toBe(2);
    expect(replica.stderr).toContain('AZURE_CLIENT_CERTIFICATE_PATH: ');
    expect(replica.stderr).toContain('literal \\n instead of line breaks');
    expect(replica.stderr).toContain('HTTPS_PROXY must have its user and password percent-encoded');
    expect(replica.stderr).not.toMatch(/MII|pass-word/);
    expect(replica.stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  },
);
