import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { probe } from '../cli/probes.ts';
import { askToStop } from '../platform/processes.ts';

/** main.ts, or main.js in the package. */
const MAIN = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));

/** The pause between two checks of readiness, and the limit of one, in ms. */
const ASK_EVERY_MS = 100;
const ANSWER_MS = 3_000;
/**
 * How often the demo says why a replica is not ready. It takes about a second on an idle machine.
 */
const NEWS_EVERY_MS = 5_000;
/** A replica stops within its SHUTDOWN_TIMEOUT; after this it is killed. */
const STOP_MS = 8_000;
/** Pause before a dead replica is restarted, so that viewers see the other one do its work. */
const RESTART_MS = 5_000;

export interface ReplicaOptions {
  readonly name: string;
  readonly port: number;
  /** The whole environment of the replica; it inherits nothing. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it runs; it reads the `.env` there, if there is one. */
  readonly directory: string;
  readonly onLine: (line: string) => void;
  readonly onNews: (news: string) => void;
}

export function replicaUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** A replica in its own process. It is restarted when it dies, until it is stopped. */
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

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /**
   * Resolves when it is ready, however long that takes, or when the signal aborts. Rejects if the
   * process ends before it is ready.
   */
  async start(signal: AbortSignal): Promise<void> {
    const child = this.#spawn();
    const ended = new AbortController();
    const onExit = () => ended.abort();
    child.once('exit', onExit).once('error', onExit);
    const isReady = await this.#ready(AbortSignal.any([signal, ended.signal]));
    child.off('exit', onExit).off('error', onExit);
    if (isReady || signal.aborted) return;
    throw new Error(`replica ${this.name} ended before it was ready; its last lines say why`);
  }

  /** Kills it, as a power failure would. */
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
    if (await this.#ready(signal)) onNews(`is back, as process ${this.pid}`);
  }

  /**
   * Waits until it is ready and says every now and then why it is not; false if the signal aborts.
   */
  async #ready(signal: AbortSignal): Promise<boolean> {
    const startedAt = performance.now();
    let newsAt = startedAt + NEWS_EVERY_MS;
    while (!signal.aborted) {
      const why = await whyNotReady(this.url, signal);
      if (why === null) return !signal.aborted;
      const now = performance.now();
      if (now >= newsAt && !signal.aborted) {
        newsAt = now + NEWS_EVERY_MS;
        const forS = Math.round((now - startedAt) / 1_000);
        this.#options.onNews(`is not ready after ${forS} s: ${why}`);
      }
      await sleep(ASK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
    return false;
  }
}

async function whyNotReady(url: string, stop: AbortSignal): Promise<string | null> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(ANSWER_MS)]);
  const answer = await probe(url, 'readyz', signal);
  if (answer.kind === 'ok') return null;
  return answer.kind === 'unready' ? answer.reasons : `no answer yet (${answer.why})`;
}
