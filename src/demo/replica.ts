import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { askToStop } from '../processes.ts';

/** main.ts, or main.js where this has been packed. */
const MAIN = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));

/** How long a replica may take to become ready; it takes about a second. */
const READY_MS = 20_000;
/** A replica ends within its SHUTDOWN_TIMEOUT; what is longer is cut off. */
const STOP_MS = 8_000;
/** Until one that died is started again, so that one sees the other do its work. */
const RESTART_MS = 5_000;

export interface ReplicaOptions {
  /** `A`, `B`. */
  readonly name: string;
  readonly port: number;
  /** All of the environment: nothing of ours reaches the replica besides. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it runs; it reads the `.env` there, if there is one. */
  readonly directory: string;
  readonly onLine: (line: string) => void;
  /** What befell it, in words. */
  readonly onNews: (news: string) => void;
}

export function replicaUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** A replica as a process of its own. One that dies is started again until it is stopped. */
export class Replica {
  readonly #options: ReplicaOptions;
  readonly #stopped = new AbortController();
  #child: ChildProcess | null = null;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get url(): string {
    return replicaUrl(this.#options.port);
  }

  get running(): boolean {
    return this.#child !== null;
  }

  /** Of its process; null while there is none. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Resolves when it is ready, or nobody waits any more; rejects where it does not become ready. */
  async start(signal: AbortSignal): Promise<void> {
    this.#spawn();
    await this.#ready(signal);
  }

  /** As a machine does that loses power. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    const child = this.#child;
    if (child === null) return;
    const exited = once(child, 'exit');
    askToStop(child);
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(limit);
  }

  #spawn(): ChildProcess {
    const { env, directory, port, onLine, onNews } = this.#options;
    const child = spawn(process.execPath, [MAIN], {
      cwd: directory,
      env: { ...env, PORT: String(port) },
      // The channel ends with the demo, and the replica with the channel.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    for (const input of [child.stdout, child.stderr]) {
      if (input) createInterface({ input }).on('line', onLine);
    }
    child.once('error', (error) => onNews(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      this.#child = null;
      if (!this.#stopped.signal.aborted) void this.#onDeath(signal ?? `exit code ${code}`);
    });
    return child;
  }

  async #onDeath(how: string): Promise<void> {
    const { onNews } = this.#options;
    const { signal } = this.#stopped;
    onNews(`is gone (${how}); it is started again in ${RESTART_MS / 1_000} s`);
    await sleep(RESTART_MS, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    this.#spawn();
    if (await this.#ready(signal).catch(() => false)) onNews(`is back, as process ${this.pid}`);
  }

  async #ready(signal: AbortSignal): Promise<boolean> {
    const until = performance.now() + READY_MS;
    while (performance.now() < until && !signal.aborted) {
      const answer = await fetch(`${this.url}/readyz`).catch(() => null);
      await answer?.arrayBuffer();
      if (answer?.ok) return true;
      await sleep(100, undefined, { signal }).catch(() => undefined);
    }
    if (signal.aborted) return false;
    throw new Error(`replica ${this.name} was not ready within ${READY_MS / 1_000} s`);
  }
}
