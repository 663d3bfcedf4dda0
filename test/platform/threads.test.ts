import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const THREADS = new URL('../../src/platform/threads.ts', import.meta.url).href;

/** Reads some files that hang, then looks a name up. Kills itself, because the reads never end. */
const PROGRAM = `
  import { lookup } from 'node:dns';
  import { readFile } from 'node:fs/promises';
  for (const path of process.argv.slice(1)) readFile(path).catch(() => undefined);
  const end = (said) => process.stdout.write(said, () => process.kill(process.pid, 'SIGKILL'));
  setTimeout(end, 20_000, 'blocked');
  lookup('localhost', () => end('answered'));
`;

test('DNS lookups work while five file reads hang', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-threads-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const files = ['a', 'b', 'c', 'd', 'e'].map((name) => join(directory, name));
  execFileSync('mkfifo', files);
  const args = ['--import', THREADS, '--input-type=module', '--eval', PROGRAM, ...files];
  const { UV_THREADPOOL_SIZE: _, ...env } = process.env;
  const running = promisify(execFile)(process.execPath, args, { env });
  await running.catch((error: { stdout: string }) => expect(error.stdout).toBe('answered'));
  expect.assertions(1);
});
