import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

const ID = '11111111-1111-4111-8111-111111111111';
const APP = { AZURE_TENANT_ID: ID, AZURE_CLIENT_ID: ID, AZURE_CLIENT_SECRET: 's3cret' };
const NO_REDIS = { REDIS_URL: 'redis://:pa55@127.0.0.1:1', PORT: '0' };

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'callkeeper-start-'));
  return () => rmSync(directory, { recursive: true });
});

function start(program: readonly string[], env: Record<string, string> = {}) {
  const [file = '', ...args] = program;
  const child = spawn(process.execPath, [resolve(file), ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Runs a program to its end. */
async function run(program: readonly string[], env: Record<string, string> = {}) {
  const child = start(program, env);
  const texts = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await once(child, 'close');
  const [stdout, stderr] = await texts;
  return { code, stdout, stderr };
}

/** The first lines of the log, up to one of that level. */
async function logUntil(level: string, env: Record<string, string>) {
  const child = start(['src/main.ts'], env);
  const lines = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(JSON.parse(line));
    if (line.includes(`"level":"${level}"`)) break;
  }
  return lines;
}

describe('a replica', () => {
  test.each([
    ['src/main.ts', '--port'],
    ['src/main.ts', '8080'],
    ['src/cli.ts', 'serve', '--port'],
  ])('refuses %s with %s', async (...program) => {
    const { code, stderr } = await run(program, { ...APP, ...NO_REDIS });
    expect(code).toBe(2);
    expect(stderr).toMatch(/takes no arguments, got|there is no option --port/);
    expect(stderr).toContain('callkeeper serve --help');
  });

  test.each([
    ['--port', 'PORT'],
    ['--redis-url=redis://localhost', 'REDIS_URL'],
    ['-PORT', 'PORT'],
    ['--prot', 'variables'],
  ])('says what to set instead of %s: %s', async (argument, name) => {
    const { code, stderr } = await run(['src/main.ts', argument, '1'], { ...APP, ...NO_REDIS });
    expect(code).toBe(2);
    expect(stderr).toContain(`: set ${name} instead`);
  });

  test('says with its faults which variables are misspelt', async () => {
    writeFileSync(join(directory, '.env'), `AZURE_TENANT_ID=${ID}\nAZURE_CLIENT=${ID}\n`);
    const { code, stderr } = await run(['src/main.ts'], { AZURE_CLIENT_SECERT: 's3cret' });
    expect(code).toBe(2);
    expect(stderr).toContain('AZURE_CLIENT in .env is not a variable of Callkeeper\n');
    const misspelt = 'AZURE_CLIENT_SECERT in the environment is not a variable of Callkeeper: did';
    expect(stderr).toContain(misspelt);
    expect(stderr).not.toContain('Nothing is configured');
    expect(stderr).not.toContain('s3cret');
  });

  test('says what is in force, and warns about variables that nobody reads', async () => {
    const env = { ...APP, ...NO_REDIS, KEEPALIVE_INTERVL: '5m' };
    const [first, second] = await logUntil('warn', env);
    expect(first).toMatchObject({ redis: '127.0.0.1:1', interval: '15m', apps: ['default'] });
    expect(first.msg).toMatch(/^starting: cloud global, .* Redis at 127\.0\.0\.1:1; /);
    expect(second.msg).toContain('KEEPALIVE_INTERVL in the environment is not a variable of');
    expect(JSON.stringify(first)).not.toContain('pa55');
  });
});

describe('if nothing is configured, a replica names the first steps', () => {
  test('in a clone', async () => {
    copyFileSync('.env.example', join(directory, '.env.example'));
    const { code, stderr } = await run(['src/main.ts'], { HTTPS_PROXY: 'http://proxy:3128' });
    expect(code).toBe(2);
    expect(stderr).toContain('run `cp .env.example .env` and fill it in');
    expect(stderr).toContain('`npm run simulator`');
  });

  test('as a package', async () => {
    const { stderr } = await run(['src/main.ts']);
    expect(stderr).toContain('`callkeeper serve --help` lists the variables');
    expect(stderr).toContain('`callkeeper simulator`');
    expect(stderr).not.toContain('.env.example');
  });

  test.each([{ AZURE_CLIENT_ID: ID }, { APPS_FILE: '/no/such/file' }, { AZURE_TENANT_ID: '' }])(
    'but not with %j',
    async (env) => {
      expect((await run(['src/main.ts'], env)).stderr).not.toContain('Nothing is configured');
    },
  );
});

test('callkeeper serve --help describes every variable', async () => {
  const { code, stdout } = await run(['src/cli.ts', 'serve', '--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: callkeeper \[serve\]/);
  expect(stdout).toContain('\n  KEEPALIVE_INTERVAL (default 15m)\n');
});
