import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const REPO = new URL('../../', import.meta.url).pathname;
const NEEDED = ['src', 'config', 'package.json', 'test/faults/affliction.ts'];

/** For a test file: the sources as of the commit before this one; null where git does not have it. */
export function previousCommit(): string | null {
  const git = (...args: string[]) =>
    spawnSync('git', ['-C', REPO, ...args], { maxBuffer: 2 ** 26 }).stdout;
  const archive = git('archive', '--format=tar', 'HEAD~1', ...NEEDED);
  if (!archive?.length) return null;
  const directory = mkdtempSync(join(tmpdir(), 'callkeeper-previous-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const { status } = spawnSync('tar', ['-x', '-C', directory], { input: archive });
  if (status !== 0) return null;
  symlinkSync(join(REPO, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}
