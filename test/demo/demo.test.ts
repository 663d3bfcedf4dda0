import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import process from 'node:process';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';

const PATIENCE = { timeout: 60_000, interval: 50 };

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Without colours. */
  output(): string;
  painted(): string;
  /** The group of the demo, in which all that it starts is. */
  isAlive(): boolean;
}

/** Below the ports that a system gives by itself: nobody else has them, or gets them afterwards. */
const port = () => String(20_000 + Math.floor(Math.random() * 10_000));

function run(...options: string[]): Run {
  return watch(process.execPath, ['src/cli.ts', 'demo', '--port', port(), ...options]);
}

/**
 * The demo at a terminal of its own with colours, which `script` gives it: keys are typed into its
 * stdin.
 */
function runAtTerminal(): Run {
  const demo = `exec ${process.execPath} src/cli.ts demo --port ${port()}`;
  // With either of these Node writes no colours.
  const { NO_COLOR: _, CI: __, ...env } = process.env;
  const args = ['--quiet', '--return', '--command', demo, '/dev/null'];
  return watch('script', args, { ...env, TERM: 'xterm-256color' });
}

function watch(command: string, args: readonly string[], env = process.env): Run {
  const child = spawn(command, args, { detached: true, stdio: 'pipe', env });
  const group = -(child.pid as number);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const signal = (name: NodeJS.Signals | 0) => {
    try {
      return process.kill(group, name);
    } catch {
      return false; // nobody is left
    }
  };
  onTestFinished(() => void signal('SIGKILL'));
  const ended = once(child, 'close').then(([code, name]) => code ?? name);
  const plain = () => stripVTControlCharacters(output).replaceAll('\r', '');
  return { child, ended, output: plain, painted: () => output, isAlive: () => signal(0) };
}

/** The ports that the demo says it serves. */
function portsIn(output: string): number[] {
  return [...new Set(output.match(/127\.0\.0\.1:\d+/g))].map((host) => Number(host.split(':')[1]));
}

function isServed(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

async function expectNothingLeft({ isAlive, output }: Run): Promise<void> {
  await expect.poll(isAlive).toBe(false);
  const ports = portsIn(output());
  expect(ports).toHaveLength(3);
  expect(await Promise.all(ports.map(isServed))).toEqual([false, false, false]);
}

describe('the demo', () => {
  test('keeps calls alive by two replicas, ends by itself and leaves nothing', {
    timeout: 120_000,
  }, async () => {
    const demo = run('--seconds', '15');
    await vi.waitFor(() => expect(demo.output()).toMatch(/ tracked /), PATIENCE);
    const served = await Promise.all(portsIn(demo.output()).map(isServed));
    expect(served).toEqual([true, true, true]);

    expect(await demo.ended, demo.output()).toBe(0);
    const output = demo.output();
    expect(output).toMatch(/^PASSED: \d+ calls tracked, .* no call passed its deadline/m);
    for (const name of ['A', 'B']) expect(output).toMatch(new RegExp(` renewed .*replica ${name}`));
    expect(output).toMatch(/ ---- \d+ calls alive · .* smallest margin \d+\.\d s of 30\.0 s/);
    expect(output).not.toMatch(/EXPIRED| failed /);
    await expectNothingLeft(demo);
  });

  test('starts a replica again that died, and leaves nothing when it is interrupted', {
    timeout: 120_000,
  }, async () => {
    const demo = run();
    await vi.waitFor(() => expect(demo.output()).toMatch(/ tracked /), PATIENCE);
    const pid = Number(/replica A, process (\d+)/.exec(demo.output())?.[1]);
    process.kill(pid, 'SIGKILL');
    await expect.poll(demo.output).toMatch(/replica A .*is gone \(SIGKILL\)/);
    await vi.waitFor(() => expect(demo.output()).toMatch(/replica A .*is back/), PATIENCE);

    demo.child.kill('SIGINT');
    expect(await demo.ended, demo.output()).toBe(0);
    expect(demo.output()).toMatch(/^PASSED: /m);
    await expectNothingLeft(demo);
  });

  test('stops the calls of a bot that is killed by a key, until it is back', {
    timeout: 120_000,
  }, async () => {
    const demo = runAtTerminal();
    const type = (key: string) => demo.child.stdin?.write(key);
    const says = (pattern: RegExp) =>
      vi.waitFor(() => expect(demo.output()).toMatch(pattern), { timeout: 60_000, interval: 50 });
    await says(/Keys: .*b kills a bot, or brings it back/);
    // By now each bot has so many calls that not all of them end by themselves.
    await says(/---- ([89]|1[0-2]) calls alive/);
    type('b');
    await says(/bot-1 +crashed: it no longer renews the lease of its \d calls/);
    await says(/lapsed +bot-1 +replica [AB] +its lease ran out/);
    await says(/stopped .* its bot did not renew its lease/);
    await says(/lost +bot-1 +replica [AB] +it did not renew its lease/);
    type('b');
    await says(/bot-1 +is back: Graph still has [1-6] of its \d calls/);
    await says(/is back.*tracked .*/s);
    type('q');
    expect(await demo.ended, demo.output()).toBe(0);
    expect(demo.output()).toMatch(
      /^PASSED: .* \d calls of dead bots were stopped, no call passed/m,
    );
    expect(demo.output()).not.toMatch(/(lapsed|lost) +bot-2/);
  });

  test('answers each key with one line, names the board and has colours', {
    timeout: 120_000,
  }, async () => {
    const demo = runAtTerminal();
    const type = (key: string) => demo.child.stdin?.write(key);
    const lines = () => demo.output().split('\n');
    const says = (pattern: RegExp) =>
      vi.waitFor(() => expect(lines().filter((line) => pattern.test(line))).toHaveLength(1), {
        timeout: 60_000,
        interval: 50,
      });
    await says(/^ {2}Board: http:\/\/127\.0\.0\.1:\d+\/ {2}replica A/);
    await vi.waitFor(() => expect(demo.output()).toMatch(/ renewed /), PATIENCE);
    expect(demo.painted()).toContain('\x1b[32m');
    type('r');
    await says(/ Redis +is stopped for 15 s/);
    type('r');
    await says(/ Redis +is stopped already/);
    await says(/ Redis +goes on/);
    type('k');
    await says(/ replica A +is gone \(SIGKILL\)/);
    await says(/ replica A +is back/);
    type('q');
    expect(await demo.ended, demo.output()).toBe(0);
    // In the outage each replica says a few lines, and then only how many more there were.
    const said = lines().filter((line) => / {12,}replica [AB] {2}/.test(line));
    const shown = said.filter((line) => !/ \d+ more /.test(line));
    expect(shown.length, shown.join('\n')).toBeLessThanOrEqual(24);
  });

  test('leaves nothing when it is killed', { timeout: 120_000 }, async () => {
    const demo = run();
    await vi.waitFor(() => expect(demo.output()).toContain('Starting two replicas'), PATIENCE);
    demo.child.kill('SIGKILL');
    await expect.poll(demo.isAlive).toBe(false);
  });

  test('leaves no process behind when nobody reads its output any more', {
    timeout: 120_000,
  }, async () => {
    const demo = run();
    await vi.waitFor(() => expect(demo.output()).toMatch(/ tracked /), PATIENCE);
    demo.child.stdout?.destroy();
    await demo.ended;
    await expectNothingLeft(demo);
  });

  test.each([
    [['--seconds', 'soon'], '--seconds: expected a whole number from 1 to 1000000, got "soon"'],
    [['--port', '0'], '--port: expected a whole number from 1 to 65532, got "0"'],
    [['--minutes', '1'], 'there is no option --minutes'],
  ])('refuses %j with what was expected', async (options, message) => {
    const demo = run(...options);
    expect(await demo.ended).toBe(2);
    expect(demo.output()).toContain(message);
  });
});
