import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { sumOf } from '../metrics/samples.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** For what comes within moments, on a busy machine too. */
const PATIENCE = { timeout: 60_000, interval: 50 };

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** One replica in a real process, on a free port, with its log. */
export class Replica {
  readonly log: LogLine[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #stderr = '';
  #url = '';

  /** @param env the whole environment, except PATH and PORT */
  constructor(env: Readonly<Record<string, string>>, cwd?: string) {
    this.#child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env.PATH, PORT: '0', LOG_LEVEL: 'debug', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
    });
    const reap = () => this.#child.kill('SIGKILL');
    process.once('exit', reap);
    this.#exited = this.#untilExit().finally(() => process.removeListener('exit', reap));
    this.#child.stderr?.on('data', (data) => {
      this.#stderr += data;
    });
    if (this.#child.stdout) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        const told = JSON.parse(line) as LogLine;
        this.log.push(told);
        if (told.msg === 'listening') this.#url = String(told.url);
      });
    }
  }

  /** Resolves with the line of this message. `msg` may end before a colon of the message. */
  async logged(msg: string): Promise<LogLine> {
    const isIt = (line: LogLine) => line.msg === msg || line.msg.startsWith(`${msg}: `);
    for (;;) {
      const line = this.log.find(isIt);
      if (line) return line;
      const next = this.#child.stdout && once(this.#child.stdout, 'data');
      const ended = await Promise.race([next, this.#exited.then(() => 'ended')]);
      if (ended === 'ended' && !this.log.some(isIt)) {
        throw new Error(`the replica ended without "${msg}":\n${this.output}`);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Resolves when `/readyz` says so: the worker runs a little later than Redis serves. */
  async ready(): Promise<this> {
    await this.logged('listening');
    await this.logged('Redis serves');
    for (;;) {
      const { status } = await this.request('GET', '/readyz');
      if (status === 200) return this;
      await sleep(20);
    }
  }

  /**
   * Resolves when Redis has the call as this replica knows it. If Redis answers later than a replica
   * with a short interval waits, a request is answered with 202, and a heartbeat writes the call.
   */
  async stored(id: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    await vi.waitFor(async () => {
      const { body } = await this.request('GET', `/calls/${id}`, undefined, headers);
      expect(body).toMatchObject({ durable: true });
    }, PATIENCE);
  }

  /** '' until it listens. */
  get url(): string {
    return this.#url;
  }

  get output(): string {
    return `${this.log.map((line) => JSON.stringify(line)).join('\n')}\n${this.#stderr}`;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      ...(body === undefined
        ? { headers }
        : {
            body: JSON.stringify(body),
            headers: { 'content-type': 'application/json', ...headers },
          }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  }

  /** The sum of a metric's series with these labels, such as `name{outcome="renewed"}`. */
  async metric(name: string): Promise<number> {
    const { body } = await this.request('GET', '/metrics');
    return sumOf(String(body), name);
  }

  /** Stops reading its log, like a suspended terminal or a hanging log driver. */
  leaveLogUnread(): void {
    this.#child.stdout?.removeAllListeners('data').pause();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Its exit code, when its output has been read; null if a signal ended it. */
  exit(): Promise<number | null> {
    return this.#exited;
  }

  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.signal('SIGTERM');
    return this.#exited;
  }

  async #untilExit(): Promise<number | null> {
    const { stdout, stderr } = this.#child;
    const [log, errors] = [stdout, stderr].map((stream) => stream && once(stream, 'close'));
    const [code] = await once(this.#child, 'exit');
    await log;
    // An embedded redis-server has this open too, and outlives a replica that a signal ended.
    if (code !== null) await errors;
    return code as number | null;
  }
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what the test asserts
  readonly body: any;
}
