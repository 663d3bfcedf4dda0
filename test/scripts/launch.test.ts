import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';

const PATIENCE = { timeout: 60_000, interval: 20 };
/** Longer than the launcher takes two signals for one. */
const APART_MS = 700;

/** Launches a program given as source, by scripts/launch.mjs in a process of its own. */
function launch(source: string) {
  const launcher = `
    import { launch } from './scripts/launch.mjs';
    const source = process.argv.at(-1);
    process.exitCode = await launch(process.execPath, ['--input-type=module', '-e', source], {});
  `;
  const args = ['--input-type=module', '-e', launcher, source];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const said = (text: string) => vi.waitFor(() => expect(output).toContain(text), PATIENCE);
  return { child, said, output: () => output, ended: endOf(child) };
}

async function endOf(child: ChildProcess): Promise<number> {
  const [code] = await once(child, 'close');
  return code;
}

/**
 * Prints the signals that it gets, and ends with 7 after so many of them, or a while after the
 * first.
 */
const counter = (most: number, afterMs: number) => `
  let told = 0;
  const end = () => process.exit(7);
  const listen = (signal) => process.on(signal, () => {
    console.log(signal);
    if (++told === ${most}) end();
    setTimeout(end, ${afterMs});
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) listen(signal);
  console.log('listening');
  setInterval(() => {}, 1000);
`;

describe('a launched program', () => {
  test('gets a signal once that comes twice, and ends with its own exit code', async () => {
    const { child, said, output, ended } = launch(counter(2, 1_000));
    await said('listening');
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await ended).toBe(7);
    expect(output()).toBe('listening\nSIGINT\n');
  });

  test('gets a second signal that comes later', async () => {
    const { child, said, output, ended } = launch(counter(2, 60_000));
    await said('listening');
    child.kill('SIGTERM');
    await said('SIGTERM');
    await sleep(APART_MS);
    child.kill('SIGINT');
    expect(await ended).toBe(7);
    expect(output()).toBe('listening\nSIGTERM\nSIGINT\n');
  });

  test('is asked to end when the terminal is closed', async () => {
    const { child, said, output, ended } = launch(counter(1, 0));
    await said('listening');
    child.kill('SIGHUP');
    await ended;
    expect(output()).toBe('listening\nSIGTERM\n');
  });

  test('notices at once that its launcher was killed', async () => {
    const { child, said } = launch(`
      process.once('disconnect', () => { console.log('alone'); process.exit(); });
      setInterval(() => {}, 1000);
      console.log('listening');
    `);
    await said('listening');
    child.kill('SIGKILL');
    await said('alone');
  });

  test('leaves no child behind when it is killed', async () => {
    const { said, output, ended } = launch(`
      import { spawn } from 'node:child_process';
      const child = spawn('sleep', ['60']);
      console.log(process.pid, child.pid, 'run');
      setInterval(() => {}, 1000);
    `);
    await said('run');
    const [pid, childPid] = output().split(' ').map(Number) as [number, number];
    process.kill(pid, 'SIGKILL');
    expect(await ended).toBe(128 + 9);
    await vi.waitFor(() => expect(() => process.kill(childPid, 0)).toThrow('ESRCH'), PATIENCE);
  });
});

test("a launched program is asked to end when npm's shell is gone, and ends in order", async () => {
  // A shell that dies of SIGTERM as dash does: at once, and without a word to its child.
  const source = `
    process.on('SIGTERM', () => setTimeout(() => { console.log('ended in order'); process.exit(); }, 500));
    console.log('listening');
    setInterval(() => {}, 1000);
  `;
  const launcher = `
    import { launch } from './scripts/launch.mjs';
    process.exitCode = await launch(process.execPath, ['--input-type=module', '-e', process.env.SOURCE], {});
  `;
  const shell = spawn('sh', ['-c', '"$NODE" --input-type=module -e "$LAUNCHER"; :'], {
    env: {
      NODE: process.execPath,
      LAUNCHER: launcher,
      SOURCE: source,
      npm_lifecycle_event: 'start',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void shell.kill('SIGKILL'));
  let output = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await vi.waitFor(() => expect(output).toContain('listening'), PATIENCE);
  shell.kill('SIGTERM');
  expect(await once(shell, 'exit')).toEqual([null, 'SIGTERM']);
  await vi.waitFor(() => expect(output).toContain('ended in order'), PATIENCE);
});

test('every script of package.json is a command that cmd.exe understands as well', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  const isPlain = (line: string) => /^node scripts\/[a-z-]+\.mjs( [a-z:]+)?$/.test(line);
  expect(Object.values<string>(scripts).filter((line) => !isPlain(line))).toEqual([]);
});
