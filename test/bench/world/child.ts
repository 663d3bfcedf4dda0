import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoopDelay, Usage } from '../measure/usage.ts';
import { ask } from '../rpc.ts';
import { pinned, type Role } from './cores.ts';
import { watchOver } from './remains.ts';

const PROBE = fileURLToPath(new URL('../probe.ts', import.meta.url));

export interface ChildOptions {
  readonly role: Role | null;
  /** The whole environment, except PATH. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly nodeArgs?: readonly string[];
  readonly onLine?: (line: string) => void;
}

/** A Node process with the probe. It does not outlive the bench. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  #output = '';

  constructor(program: URL, options: ChildOptions) {
    const file = fileURLToPath(program);
    const node = [process.execPath, '--import', PROBE, ...(options.nodeArgs ?? []), file];
    const [command, args] = pinned(options.role, node);
    this.#process = spawn(command, args, {
      env: { PATH: process.env.PATH, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    watchOver(this.#process);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-8_192);
        if (options.onLine) for (const line of text.split('\n')) if (line) options.onLine(line);
      });
    }
  }

  /** Rejects if the process ends first, with its last output. */
  async ask<T>(name: string, arg?: unknown): Promise<T> {
    try {
      return await ask<T>(this.#process, name, arg);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.#output}`);
    }
  }

  usage(): Promise<Usage> {
    return this.ask<Usage>('usage');
  }

  loopDelay(): Promise<LoopDelay> {
    return this.ask<LoopDelay>('loopDelay');
  }

  /** Rejects when the process ends, with its last output. */
  async ended(): Promise<never> {
    if (this.#process.exitCode === null) await once(this.#process, 'exit');
    throw new Error(`a process of the bench ended:\n${this.#output}`);
  }

  /** Asks the process to end, and kills it if that takes too long. */
  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(late);
  }
}
