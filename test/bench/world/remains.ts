import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Waits for the end of its input, which comes when the bench ends, even by SIGKILL. Then it kills
 * what still runs (`+ pid`, `- pid`) and removes the directories (`d path`). PostgreSQL's processes
 * write until they notice that their parent is gone.
 */
const GUARD = `
pids=
set --
while read -r op what; do
  case $op in
    +) pids="$pids $what" ;;
    d) set -- "$@" "$what" ;;
    -) left=
       for one in $pids; do [ "$one" = "$what" ] || left="$left $one"; done
       pids=$left ;;
  esac
done
[ -z "$pids" ] || { kill -9 $pids; sleep 1; }
rm -rf -- "$@"
`;

let guard: ChildProcess | null = null;

/** A temporary directory that does not outlive the bench. */
export function newDirectory(purpose: string): string {
  const directory = mkdtempSync(join(tmpdir(), `callkeeper-bench-${purpose}-`));
  tell(`d ${directory}`);
  return directory;
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

/** Kills the child when the bench ends, if it still runs. */
export function watchOver(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return; // it never began
  tell(`+ ${pid}`);
  child.once('exit', () => tell(`- ${pid}`));
}

function tell(line: string): void {
  guard ??= startGuard();
  guard.stdin?.write(`${line}\n`);
}

function startGuard(): ChildProcess {
  // Detached: a signal to our process group must not end it.
  const child = spawn('sh', ['-c', GUARD], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  child.unref();
  const stdin = child.stdin as typeof child.stdin & { unref?: () => void };
  stdin?.unref?.();
  stdin?.on('error', () => undefined); // somebody ended it
  return child;
}
