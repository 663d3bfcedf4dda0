import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const MODULE = new URL('../../src/log/log.ts', import.meta.url).href;

/**
 * Runs a process that logs to the given stdout. Resolves with its exit code or signal, and its
 * stderr.
 */
async function aProcess(body: string, stdout: 'pipe' | number) {
  const code = `import { openLog } from ${JSON.stringify(MODULE)};
    const { log, exit } = openLog('info');
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', stdout, 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr?.on('data', (data) => {
    stderr += data;
  });
  const [exitCode, signal] = await once(child, 'close');
  return { exitCode, signal, stderr };
}

/** The lines that a process logs before its end. */
async function linesOf(body: string): Promise<string[]> {
  const code = `import { openLog } from ${JSON.stringify(MODULE)};
    const { log, exit } = openLog('info');
    ${body}`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', code]);
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  return stdout.trimEnd().split('\n');
}

test('a line that comes while others are being written is not lost at the end', async () => {
  const lines = await linesOf(`for (let i = 0; i < 11; i++) log.info('x'.repeat(400));
    log.fatal('the last');
    await exit(1);`);
  expect(lines).toHaveLength(12);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ msg: 'the last' });
});

test('a process that ends without `exit` has written its lines', async () => {
  expect(await linesOf("log.info('one'); log.info('two');")).toHaveLength(2);
});

const FILL = "for (let i = 0; i < 20_000; i++) log.info({ i }, 'x'.repeat(100));";

test('all lines are written before the end', async () => {
  const code = `import { openLog } from ${JSON.stringify(MODULE)};
    const { log, exit } = openLog('info');
    ${FILL}
    log.fatal('the last');
    await exit(3);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    told += text;
  });
  const [[exitCode]] = await Promise.all([once(child, 'exit'), once(child.stdout as never, 'end')]);
  expect(exitCode).toBe(3);
  const lines = told.trimEnd().split('\n');
  expect(lines).toHaveLength(20_001);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ msg: 'the last' });
});

test('a reader that is slow gets all lines, and the exit code', async () => {
  const code = `import { openLog } from ${JSON.stringify(MODULE)};
    const { log, exit } = openLog('info');
    ${FILL}
    await exit(3);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  let lines = 0;
  // Some fifty chunks: together they take longer than a reader may hang.
  for await (const chunk of child.stdout) {
    lines += String(chunk).split('\n').length - 1;
    await sleep(50);
  }
  expect([lines, await exited]).toEqual([20_000, [3, null]]);
});

test('a reader that hangs delays neither a fatal line nor the exit', async () => {
  // Nobody reads the pipe.
  const { signal, stderr } = await aProcess(
    `${FILL} log.fatal('it'); process.stderr.write('goes on'); await exit(1);`,
    'pipe',
  );
  expect(stderr).toBe('goes on');
  expect(signal).toBe('SIGKILL');
});

test('a disk that is full is no reason to stop', async () => {
  const full = openSync('/dev/full', 'w');
  onTestFinished(() => closeSync(full));
  const { exitCode, stderr } = await aProcess(
    `process.on('uncaughtException', (err) => process.stderr.write(err.message));
     log.info('a'); setTimeout(async () => { log.fatal('b'); process.stderr.write('goes on'); await exit(4); }, 300);`,
    full,
  );
  expect(stderr).toBe('goes on');
  expect(exitCode).toBe(4);
});

const ODD = [
  ['C0', '\u001b[2J\u0007'],
  ['C1', '\u009b2J\u0085'],
  ['bidi', 'abc\u202edcba\u2066\u200f'],
  ['odd line ends', 'a\u2028b\u2029c'],
  ['hidden', 'a\u200bb\ufeffc'],
] as const;

test.each(ODD)('%s in foreign text is escaped, and forges no line', async (_, text) => {
  const { stdout } = await logged(
    `const text = ${JSON.stringify(text)};
     log.child({ bound: text }).info({ [text]: text, deep: [{ path: text }] }, text);
     log.error({ err: Object.assign(new Error(text), { code: text }) }, text);`,
  );
  expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  const [first, second] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(first).toMatchObject({ bound: text, [text]: text, deep: [{ path: text }], msg: text });
  expect(second).toMatchObject({ err: { message: text, code: text }, msg: text });
});

const AUTH = "command: { name: 'auth', args: ['user', 'pass-word'] }";
const FAILED = `Object.assign(new Error('WRONGPASS'), { ${AUTH} })`;

test.each([
  ['of the error', FAILED],
  ['of its cause', `new Error('all failed', { cause: ${FAILED} })`],
  ['of a Cluster', `Object.assign(new Error('all failed'), { lastNodeError: ${FAILED} })`],
  ['of a pipeline', `Object.assign(new Error('EXECABORT'), { previousErrors: [${FAILED}] })`],
  ['of an AggregateError', `new AggregateError([${FAILED}, new Error('b', { cause: ${FAILED} })])`],
  [
    'two errors deep',
    `Object.assign(new Error('a'), { lastNodeError: new AggregateError([${FAILED}]) })`,
  ],
  [
    'in the words of Redis',
    `new Error("ERR unknown command 'AUTH', with args beginning with: 'us\\"er' 'pass-word' ")`,
  ],
  ['in a URL', `new Error('no redis://user:pass-word@redis.example:6379/0 there')`],
  ['in a URL, with an @', `new Error('no rediss+cluster://:pass-word@@a:1,b:2 there')`],
  ['in the query of a URL', `new Error('redis+sentinel://a/g?sentinelPassword=pass-word&x=1')`],
])('a password %s is not logged, and the rest of the error is', async (_, source) => {
  const { stdout } = await logged(
    `const err = ${source};
     log.error({ err }, err.message);
     log.error(err);
     log.error({ reason: err.message });`,
  );
  expect(stdout).not.toContain('pass-word');
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(3);
  expect(lines[0].err.stack).toContain(' at ');
});

test('the form that a URL must have is logged whole', async () => {
  const fault = 'must be redis://[user:password@]host[:port], not redis://user:pass-word@host';
  const { stdout } = await logged(`log.error({ faults: [${JSON.stringify(fault)}] });`);
  expect(JSON.parse(stdout).faults).toEqual([
    'must be redis://[user:password@]host[:port], not redis://…@host',
  ]);
});

/** What a process writes to its log. */
async function logged(body: string): Promise<{ stdout: string }> {
  const code = `import { openLog } from ${JSON.stringify(MODULE)};
    const { log, exit } = openLog('trace');
    ${body}
    await exit(0);`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '-e',
    code,
  ]);
  return { stdout };
}

test('levels are names, and instants are RFC 3339, at any depth', async () => {
  const { stdout } = await logged(
    `log.warn({ renewedAt: 1770091506789, error: { at: 1770091506789 }, waitMs: 1770091506789, at: 5 });
     log.trace({ sentAt: null, err: new Error('a') }, 'b');`,
  );
  const [first, second] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const at = '2026-02-03T04:05:06.789Z';
  expect(first).toMatchObject({ level: 'warn', renewedAt: at, error: { at } });
  expect(first).toMatchObject({ waitMs: 1_770_091_506_789, at: 5 });
  expect(first.time).toMatch(/^20\d\d-\d\d-\d\dT.*Z$/);
  expect(second).toMatchObject({ level: 'trace', sentAt: null, err: { message: 'a' } });
});

test('a number that is too large for a date is logged unchanged', async () => {
  const { stdout } = await logged(
    `log.info({ at: 8.64e15, renewedAt: 8.64e15 + 2, error: { at: 1e300, endedAt: Infinity } });`,
  );
  expect(JSON.parse(stdout)).toMatchObject({
    at: '+275760-09-13T00:00:00.000Z',
    renewedAt: 8_640_000_000_000_002,
    error: { at: 1e300, endedAt: null },
  });
});

test('a terminal gets readable lines, without what would move its cursor', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-log-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'a.mjs');
  writeFileSync(
    file,
    `import { openLog } from ${JSON.stringify(MODULE)};
    const { log, exit } = openLog('info');
    log.warn({ port: 8080 }, 'a\\u001b[2Jb');
    await exit(0);`,
  );
  const command = `'${process.execPath}' '${file}'`;
  const env = { PATH: process.env.PATH, TERM: 'dumb', NO_COLOR: '1' };
  const { stdout } = await promisify(execFile)('script', ['-qfec', command, '/dev/null'], { env });
  expect(stdout).toMatch(/^\d\d:\d\d:\d\d warn {2}a\\u\{1b\}\[2Jb port=8080\r\n$/);
});
