// What depends on the platform: signals, process groups, and children that must not outlive us.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import process from 'node:process';

/**
 * Reads a process id a line, or an empty line for none, and ends the last one when its input
 * ends. Whoever ends all processes of a unit at once does not end this one first.
 */
const REAPER = `trap '' HUP INT TERM
pid=
while read -r line; do pid=$line; done
[ -z "$pid" ] || kill -TERM "$pid"`;

/** Ends a child in order when this process is gone, however that went: also by SIGKILL. */
export class Reaper {
  readonly #shell: ChildProcess;

  private constructor(shell: ChildProcess) {
    this.#shell = shell;
    shell.unref();
    (shell.stdin as Socket).unref();
    shell.stdin?.on('error', () => undefined); // it was killed: nothing is lost but this safety
  }

  /** Rejects if there can be no other process. */
  static async start(): Promise<Reaper> {
    // Detached: what ends our process group, such as Ctrl-C, must not end it.
    const shell = spawn('/bin/sh', ['-c', REAPER], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: {},
    });
    await spawned(shell);
    return new Reaper(shell);
  }

  /** From now on of this child; null: of none. */
  watch(pid: number | null): void {
    this.#shell.stdin?.write(`${pid ?? ''}\n`);
  }

  stop(): void {
    this.#shell.stdin?.end('\n');
  }
}

/** Rejects with the reason if it does not run. */
export async function spawned(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('spawn', resolve).once('error', reject);
  await promise;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const LOOK_MS = 500;

/**
 * Calls `gone` when whoever launched this process has ended, even by SIGKILL: the one that
 * holds the other end of its channel (scripts/launch.mjs, the demo), or the shell that npx
 * runs it in. One launched otherwise, as by systemd or Docker, has no launcher to miss.
 */
export function onLauncherGone(gone: () => void): void {
  process.once('disconnect', gone);
  process.channel?.unref();
  if (process.env.npm_lifecycle_event !== 'npx') return;
  const shell = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(look);
    gone();
  }, LOOK_MS).unref();
}
