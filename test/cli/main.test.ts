import { expect, test } from 'vitest';
import { cli } from './cli.ts';

const CLIENTS = ['list', 'show', 'track', 'untrack', 'owners', 'watch'];
const COMMANDS = ['serve', 'check', ...CLIENTS, 'health'];
const WITH_SIMULATED = [...COMMANDS, 'simulator', 'demo'];

test('--help names every command, and each has its own', async () => {
  const { code, stdout } = await cli(['--help']);
  expect(code).toBe(0);
  for (const name of WITH_SIMULATED) {
    expect(stdout).toContain(`\n  ${name} `);
    const own = await cli([name, '--help']);
    expect([name, own.code, own.stderr]).toEqual([name, 0, '']);
    expect(own.stdout).toMatch(/^Usage: /);
    if (name === 'list') expect((await cli(['help', name])).stdout).toBe(own.stdout);
  }
}, 120_000);

test('--version is that of the package', async () => {
  expect((await cli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  [['lits'], 'there is no command lits; did you mean list?'],
  [['nonsense'], 'there is no command nonsense\n'],
  [['\x1b[2J'], 'there is no command \\u{1b}[2J\n'],
  [['help', 'lits'], 'there is no command lits; did you mean list?'],
  [['list', '--stat'], 'there is no option --stat; did you mean --state?'],
  [['demo', '--second=5'], 'there is no option --second; did you mean --seconds?'],
  [['serve', '--port=1'], 'there is no option --port\n'],
  [['serve', 'now'], 'expected no argument, got "now"'],
  [['list', '--app'], "Option '--app <value>' argument missing"],
  [['list', '--state', 'over'], '--state: expected one of tracked, ended, expired, untracked'],
  [['show'], 'expected the id of one call'],
  [
    ['show', '../metrics'],
    'expected a call\'s id of 8 to 128 of A-Z a-z 0-9 - _, got "../metrics"',
  ],
  [['track'], 'expected ids of calls, or - for standard input'],
  [['track', '-'], 'there is no id on standard input'],
  [['track', 'call-0001', '--label', 'room'], '--label: expected key=value, got "room"'],
  [['list', '--timeout', '0'], '--timeout: expected seconds, more than 0 and up to 3600, got "0"'],
  [['show', 'call-0001', '--timeout', '1m'], '--timeout: expected seconds'],
  [['untrack', 'call-0001', '--timeout=3601'], '--timeout: expected seconds'],
  [['health', '--timeout', '1'], 'there is no option --timeout'],
  [['health', '--url', 'localhost:8080'], '--url must be http:// or https:// URLs'],
])('%j is wrong usage, with exit code 2', async (args, message) => {
  const { code, stdout, stderr } = await cli(args);
  expect(stderr).toContain(`callkeeper: `);
  expect(stderr).toContain(message);
  expect([code, stdout]).toEqual([2, '']);
});

test.each([
  [{ CALLKEEPER_API_KEY: 'two words' }, 'CALLKEEPER_API_KEY must be one key or token'],
  [
    { CALLKEEPER_API_KEY_FILE: '/nonexistent' },
    'CALLKEEPER_API_KEY_FILE: /nonexistent cannot be read',
  ],
  [
    { CALLKEEPER_URL: 'http://user:pass@127.0.0.1' },
    'CALLKEEPER_URL must be http:// or https:// URLs',
  ],
])('an environment of %j is refused, with nothing of a secret', async (env, message) => {
  const { code, stderr } = await cli(['list'], env);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr).not.toMatch(/two words|user:pass/);
});
