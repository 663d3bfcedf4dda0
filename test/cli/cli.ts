import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

type Env = Readonly<Record<string, string>>;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command until it ends. Its environment has only `env` and PATH. */
export async function cli(args: readonly string[], env: Env = {}, input = ''): Promise<Ended> {
  const running = new Running(spawnCli(args, env));
  running.child.stdin?.end(input);
  return await running.ended;
}

/** Starts a command that does not end by itself; the test's end kills it. */
export function startCli(args: readonly string[], env: Env): Running {
  return new Running(spawnCli(args, env));
}

/** Like {@link startCli}, in a terminal of 80 columns (`script` of util-linux). */
export function startInTerminal(args: readonly string[], env: Env): Running {
  const command = `stty rows 24 cols 80; exec '${process.execPath}' '${CLI}' ${args.join(' ')}`;
  // -f and no file: the output comes at once.
  return new Running(spawnWith('script', ['-qfec', command, '/dev/null'], env));
}

export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    child.stdin?.on('error', () => undefined); // it ended before it read all
    this.ended = once(child, 'close').then(([code]) => {
      return { code: code as number | null, stdout: this.#stdout, stderr: this.#stderr };
    });
    onTestFinished(() => void child.kill('SIGKILL'));
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Resolves when the command has printed it. */
  async told(what: string | RegExp): Promise<void> {
    await expect.poll(() => this.#stdout).toMatch(what);
  }
}

function spawnCli(args: readonly string[], env: Env): ChildProcess {
  return spawnWith(process.execPath, [CLI, ...args], env);
}

function spawnWith(file: string, args: readonly string[], env: Env): ChildProcess {
  // A directory without a .env.
  const options = { cwd: tmpdir(), env: { PATH: process.env.PATH, ...env } };
  return spawn(file, args, { ...options, stdio: 'pipe' });
}
