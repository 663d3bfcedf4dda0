import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { redisForFile } from '../redis/redis-server.ts';

const run = promisify(execFile);
const redis = redisForFile();
const directory = mkdtempSync(join(tmpdir(), 'callkeeper-pack-'));
const project = join(directory, 'project');
const clientProject = join(directory, 'client');
/** The system's Node, which may be older than the one that the daemon needs. */
const systemNode =
  (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .find((path) => existsSync(path)) ?? process.execPath;
const SLOW = { timeout: 180_000 };

/** The tarball, packed and installed in a project of its own, as a bot's author does it. */
let packed: string[] = [];
let file = '';
beforeAll(async () => {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', directory]);
  const [tarball] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [
    { filename: string; files: { path: string }[] },
  ];
  packed = tarball.files.map(({ path }) => path);
  file = join(directory, tarball.filename);
  for (const folder of [project, clientProject]) {
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  }
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts'];
  await run('npm', ['install', ...quiet, '--prefer-offline', file], { cwd: project });
  const clientFile = join(directory, tarball.filename.replace('callkeeper-', 'callkeeper-client-'));
  await run('npm', ['install', ...quiet, '--offline', clientFile], { cwd: clientProject });
}, 300_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const bin = join(project, 'node_modules/.bin/callkeeper');

test('the package contains what a replica runs, and nothing else', () => {
  const isMeant =
    /^(dist\/.+\.(js|d\.ts)|dist\/board\/[^/]+\.(html|css|svg)|config\/.+|docs\/.+\.(md|svg|png)|(README|CHANGELOG|SECURITY)\.md|LICENSE|package\.json)$/;
  expect(packed.filter((path) => !isMeant.test(path))).toEqual([]);
  const some = ['LICENSE', 'config/redis.conf', 'dist/cli.js', 'dist/client/index.d.ts'];
  for (const path of [...some, 'dist/board/index.html', 'dist/board/main.js']) {
    expect(packed).toContain(path);
  }
});

test('the client is a separate package without dependencies', () => {
  const folder = join(clientProject, 'node_modules');
  expect(readdirSync(folder).filter((name) => !name.startsWith('.'))).toEqual([
    'callkeeper-client',
  ]);
  const files = readdirSync(join(folder, 'callkeeper-client'));
  const isMeant = /^([a-z-]+\.(js|d\.ts)|LICENSE|README\.md|package\.json)$/;
  expect(files.filter((name) => !isMeant.test(name))).toEqual([]);
  const bytes = files.map((name) => statSync(join(folder, 'callkeeper-client', name)).size);
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000);
});

test.each([
  ['callkeeper/client', project],
  ['callkeeper-client', clientProject],
])(
  'the types of %s are known after installation, and report misuse',
  async (client, folder) => {
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023'];
    const types = ['--types', 'node', '--typeRoots', resolve('node_modules/@types')];
    const check = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return run(resolve('node_modules/.bin/tsc'), [...options, ...types, '--ignoreConfig', name], {
        cwd: folder,
      });
    };
    await check(
      'good.ts',
      `import { type Call, Callkeeper, CallkeeperError } from '${client}';
       const callkeeper = new Callkeeper({ baseUrl: 'http://127.0.0.1:8080' });
       const call: Call = await callkeeper.track('call-0001', { labels: { room: 'a' } });
       const until: string | null = call.trackUntil;
       const results = await callkeeper.trackAll([{ id: 'call-0001' }]);
       for await (const { state } of callkeeper.list({ state: 'ended' })) console.log(state === 'ended', until, results[0]?.error?.detail);
       const owner = callkeeper.owner('bot-7', { leaseSeconds: 90, onLost: ({ tracked }) => console.log(tracked + 1) });
       const owned: Call = await owner.track('call-0001', { labels: { room: 'a' } });
       for await (const item of callkeeper.events()) {
         if (item.kind !== 'event') continue;
         const { call, owner } = item.event;
         const name: string = call ? call.id : owner.owner;
         console.log(name, owned.owner);
       }
       try { await callkeeper.get('call-0001'); } catch (error) {
         if (error instanceof CallkeeperError) error.is('urn:callkeeper:problem:unauthorized');
       }`,
    );
    const bad = check(
      'bad.ts',
      `import { Callkeeper } from '${client}';
       await new Callkeeper({ baseUrl: '' }).track('call-0001', { lables: {} });`,
    );
    await expect(bad).rejects.toMatchObject({
      stdout: expect.stringContaining("'lables' does not exist"),
    });
  },
  SLOW.timeout,
);

describe('a project that has installed it', SLOW, () => {
  test('has the commands', async () => {
    const npx = (...args: string[]) =>
      run('npx', ['--no', '--', 'callkeeper', ...args], { cwd: project });
    expect((await npx('--help')).stdout).toContain('simulator');
    expect((await npx('simulator', '--help')).stdout).toContain('--graph-port');
    expect((await npx('demo', '--help')).stdout).toContain('--seconds');
    expect((await npx('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const wrong = expect.objectContaining({
      code: 2,
      stderr: expect.stringContaining('no command'),
    });
    await expect(npx('nonsense')).rejects.toEqual(wrong);
  });

  test('runs a simulator and a daemon, and bots with the client under an older Node', async () => {
    const ports = ['--graph-port', '0', '--entra-port', '0'];
    const simulator = await aProcess([bin, 'simulator', ...ports], {});
    await simulator.told(/^AZURE_CLIENT_SECRET=/m);
    const environment = Object.fromEntries(
      [...simulator.output().matchAll(/^([A-Z_]+)=(.+)$/gm)].map(([, name, value]) => [
        name,
        value,
      ]),
    );
    const daemon = await aProcess([bin], {
      ...environment,
      REDIS_URL: redis.url,
      PORT: '0',
      KEEPALIVE_INTERVAL: '4s',
      KEEPALIVE_DEADLINE: '12s',
    });
    const listening = JSON.parse(await daemon.told(/^.*"listening".*$/m)) as { url: string };

    const board = await fetch(`${listening.url}/`);
    expect(await board.text()).toContain('/board/main.js');
    expect((await fetch(`${listening.url}/board/main.js`)).status).toBe(200);

    copyFileSync('examples/bot.mjs', join(clientProject, 'bot.mjs'));
    writeFileSync(join(clientProject, 'reader.mjs'), READER);
    const simulatorUrl = `${environment.GRAPH_BASE_URL}`.replace('/v1.0', '/_simulator');
    const env = { PATH: process.env.PATH, CALLKEEPER_URL: listening.url, SIMULATOR: simulatorUrl };
    const bot = await run(systemNode, ['bot.mjs'], { cwd: clientProject, env });
    const reader = await run(systemNode, ['reader.mjs'], { cwd: clientProject, env });
    expect(reader.stdout).toBe('call.tracked\n2 calls\n');
    const [id = ''] = /(?<=hung up )\S+/.exec(bot.stdout) ?? [];
    const call = await (await fetch(`${listening.url}/calls/${id}`)).json();
    const { owner } = call as { owner: unknown };
    expect(owner).toMatch(/^[A-Za-z0-9._-]+-[0-9a-f]{8}$/);
    expect(daemon.output()).toMatch(
      new RegExp(`"drop-owner".*"${owner}"|"${owner}".*"drop-owner"`),
    );
    expect((await fetch(`${listening.url}/owners/${owner}`)).status).toBe(404);
    const ledger = await (await fetch(`${simulatorUrl}/ledger`)).json();
    const { keepAlives } = ledger as { keepAlives: { callId: string; answer: unknown }[] };
    // If a turn of the wheel came before the bot's stop, Graph's 404 has ended the call.
    const wasEnded = keepAlives.some(({ callId, answer }) => callId === id && answer === 404);
    const lines = bot.stdout.replaceAll(/[0-9a-f-]{36}/g, 'ID');
    expect(lines).toMatch(
      wasEnded
        ? /^tracked ID\ntracked ID\nhung up ID (untracked|ended)\nover ID ended\n$/
        : /^tracked ID\ntracked ID\nhung up ID untracked\nover ID ended\n$/,
    );
  });
});

describe('npx of the tarball, in an empty folder', SLOW, () => {
  const empty = join(directory, 'empty');
  /** What npx installs goes with the test; what npm has fetched before is not fetched again. */
  const cache = join(directory, 'cache');
  const npx = (...args: string[]) =>
    ['npx', '--yes', '--prefer-offline', '--package', file, 'callkeeper', ...args] as const;
  const env = {
    ...process.env,
    npm_config_cache: cache,
    npm_config_audit: 'false',
    npm_config_update_notifier: 'false',
  };
  const answer = ([program, ...args]: readonly [string, ...string[]]) =>
    run(program, args, { cwd: empty, env });

  beforeAll(async () => {
    mkdirSync(empty);
    mkdirSync(cache);
    const { stdout } = await run('npm', ['config', 'get', 'cache']);
    symlinkSync(join(stdout.trim(), '_cacache'), join(cache, '_cacache'));
    await answer(npx('--version'));
  }, 300_000);

  test('says what is missing, and writes nothing there', async () => {
    await expect(answer(npx('check'))).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('AZURE_TENANT_ID is not set'),
    });
    await expect(answer(npx('health', '--url', 'http://127.0.0.1:1'))).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('not reachable'),
    });
    expect(readdirSync(empty)).toEqual([]);
  });

  test('leaves no simulator behind at SIGTERM, although its shell does not pass it on', async () => {
    const [program, ...args] = npx('simulator', '--graph-port', '0', '--entra-port', '0');
    const child = spawn(program, args, { cwd: empty, env, stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const closed = once(child, 'close');
    onTestFinished(() => void child.kill('SIGTERM'));
    const listening = /^GRAPH_BASE_URL=(.+)$/m;
    await expect.poll(() => output, { timeout: 60_000 }).toMatch(listening);
    const url = listening.exec(output)?.[1] ?? '';
    expect((await fetch(url)).ok).toBe(false);

    child.kill('SIGTERM');
    // Its standard output is closed when the last that has it open has ended.
    await closed;
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });
});

test('a Node that is too old gets an error before it loads anything that it cannot', async () => {
  const file = join(project, 'node_modules/callkeeper/package.json');
  const text = readFileSync(file, 'utf8');
  onTestFinished(() => writeFileSync(file, text));
  writeFileSync(file, text.replace('">=24.12"', '">=1000.5"'));
  await expect(run(process.execPath, [bin, 'list'])).rejects.toMatchObject({
    code: 2,
    stderr: `callkeeper: Node 1000.5 or newer is needed, this is ${process.versions.node}.\n`,
  });
});

/** Reads the first event that is kept, and the calls that left the schedule. */
/** Garbage is collected all the time: up to Node 22.12 it included the sources of a composed signal. */
const LIMITS = `
  import { createServer } from 'node:http';
  import { Callkeeper } from 'callkeeper-client';
  setInterval(() => globalThis.gc(), 20);
  const server = createServer((request, response) => {
    if (request.url.startsWith('/events')) response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  });
  server.listen(0, '127.0.0.1', async () => {
    const callkeeper = new Callkeeper({ baseUrl: 'http://127.0.0.1:' + server.address().port });
    const signal = new AbortController().signal;
    const all = [
      callkeeper.track('call-0001', {}, { totalMs: 500, signal }),
      callkeeper.list({}, { signal: AbortSignal.timeout(500) }).next(),
      callkeeper.events({}, { signal: AbortSignal.timeout(500) }).next(),
    ];
    const ended = await Promise.allSettled(all);
    console.log(ended.map(({ reason }) => reason?.name).join(' '));
    process.exit();
  });
`;

const READER = `
import { Callkeeper } from 'callkeeper-client';
const callkeeper = new Callkeeper();
for await (const item of callkeeper.events({ lastEventId: '0-1' })) {
  if (item.kind === 'gap' || !item.event.call) continue;
  console.log(item.event.type);
  break;
}
const ids = [];
for (const state of ['ended', 'untracked']) {
  for await (const { id } of callkeeper.list({ state })) ids.push(id);
}
console.log(ids.length + ' calls');
`;

interface Started {
  readonly output: () => string;
  /** Resolves with what matches, when it has been printed. */
  told(pattern: RegExp): Promise<string>;
}

/** Ended with the test. */
async function aProcess(
  [file = '', ...args]: string[],
  env: Record<string, string | undefined>,
): Promise<Started> {
  const child: ChildProcess = spawn(process.execPath, [file, ...args], {
    cwd: project,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => (output += `${line}\n`));
  }
  return {
    output: () => output,
    told: async (pattern) => {
      await expect.poll(() => output, { timeout: 60_000 }).toMatch(pattern);
      return pattern.exec(output)?.[0] ?? '';
    },
  };
}

test('the time limits of the client outlive garbage collections', SLOW, async () => {
  writeFileSync(join(clientProject, 'limits.mjs'), LIMITS);
  const { stdout } = await run(systemNode, ['--expose-gc', 'limits.mjs'], {
    cwd: clientProject,
    timeout: 60_000,
  });
  expect(stdout).toBe('CallkeeperUnreachableError TimeoutError TimeoutError\n');
});
