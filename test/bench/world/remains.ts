import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reap } from '../../redis/reaper.ts';

// What must not be left behind, whichever way the bench ends.

const directories = new Set<string>();
const children = new Set<ChildProcess>();

/** A temporary directory, removed at the end if not before. */
export function newDirectory(purpose: string): string {
  const directory = mkdtempSync(join(tmpdir(), `callkeeper-bench-${purpose}-`));
  directories.add(directory);
  return directory;
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  directories.delete(directory);
}

/** Killed at the end if it still runs then. */
export function watchOver(child: ChildProcess): void {
  reap(child);
  children.add(child);
  child.once('exit', () => children.delete(child));
}

/** Also where the bench is interrupted, or fails. Where it is killed, processes alone: see `reap`. */
export function clearUpAtExit(): void {
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL');
    for (const directory of directories) removeDirectory(directory);
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(1));
  }
}
