// What depends on the platform: signals, process groups, children that must not outlive us, and
// whether there is a redis-server. scripts/platform.mjs does the same for the npm scripts.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import type { Socket } from 'node:net';
import { delimiter, join } from 'node:path';
import process from 'node:process';

/**
 * Reads a process id from each line (an empty line: none), and ends the last one when its input
 * ends. It ignores the signals that end all processes of a unit at once.
 */
const REAPER = `trap '' HUP INT TERM
pid=
while read -r line; do pid=$line; done
[ -z "$pid" ] || kill -TERM "$pid"`;

/** Ends a child in order when this process is gone, even by SIGKILL. */
export class Reaper {
  readonly #shell: ChildProcess;

  private constructor(shell: ChildProcess) {
    this.#shell = shell;
    shell.unref();
    (shell.stdin as Socket).unref();
    shell.stdin?.on('error', () => undefined); // it was killed: only this safety net is lost
  }

  /** Rejects if no process can be started. */
  static async start(): Promise<Reaper> {
    // Detached: a signal to our process group, such as Ctrl-C, must not end it.
    const shell = spawn('/bin/sh', ['-c', REAPER], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: {},
    });
    await spawned(shell);
    return new Reaper(shell);
  }

  watch(pid: number | null): void {
    this.#shell.stdin?.write(`${pid ?? ''}\n`);
  }

  stop(): void {
    this.#shell.stdin?.end('\n');
  }
}

/** Rejects with the reason if the child cannot be started. */
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
 * Calls `gone` when the launcher of this process has ended, even by SIGKILL. The launcher is the
 * process at the other end of its channel (scripts/launch.mjs, the demo), or the shell in which npx
 * runs it. A process that systemd or Docker started has no launcher.
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

export function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return directory !== '';
    } catch {
      return false;
    }
  });
}

const REDIS_ON_WINDOWS =
  'There is no redis-server for Windows: use Docker or WSL for Redis, and set REDIS_URL, such as ' +
  'redis://127.0.0.1:6379. See docs/windows.md.';

/** Why this process cannot have a redis-server of its own; null if it can. */
export function noOwnRedis(platform = process.platform): string | null {
  return platform === 'win32' ? REDIS_ON_WINDOWS : null;
}

/**
 * The Redis for the demo: null for one of its own, which it can also stop. On Windows it is the
 * one of `REDIS_URL`, but only on this machine: the demo writes its calls into it.
 */
export function redisForDemo(url: string | undefined, platform = process.platform): string | null {
  if (platform !== 'win32') return null;
  if (!url) throw new Error(REDIS_ON_WINDOWS);
  const host = URL.parse(url)?.hostname ?? '';
  if (['127.0.0.1', 'localhost', '[::1]'].includes(host)) return url;
  throw new Error(
    'the demo writes its calls into the Redis of REDIS_URL: take one on this machine, such as ' +
      'redis://127.0.0.1:6379',
  );
}

/** Asks a child that has a channel to stop in order: on Windows, a signal would kill it at once. */
export function askToStop(child: ChildProcess, platform = process.platform): void {
  if (platform !== 'win32') child.kill('SIGTERM');
  else if (child.connected) child.disconnect();
}
