import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sumOf } from '../metrics/samples.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** One replica as a real process, on a port of its own choice, with its log at hand. */
export class Replica {
  readonly log: LogLine[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #stderr = '';
  #url = '';

  /** @param env the whole environment, but for PATH and PORT */
  constructor(env: Readonly<Record<string, string>>, cwd?: string) {
    this.#child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env.PATH, PORT: '0', LOG_LEVEL: 'debug', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
    });
    const reap = () => this.#child.kill('SIGKILL');
    process.once('exit', reap);
    this.#exited = once(this.#child, 'exit').then(([code]) => {
      process.removeListener('exit', reap);
      return code as number | null;
    });
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

  /** Resolves when the log has a line with this message, or its beginning up to a colon. */
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

  /** Resolves once it serves, Redis included. */
  async ready(): Promise<this> {
    await this.logged('listening');
    await this.logged('Redis serves');
    return this;
  }

  /** Where it listens; '' before it does. */
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

  /** Reads nothing of its log any more, like a terminal that is held or a log driver that hangs. */
  leaveLogUnread(): void {
    this.#child.stdout?.removeAllListeners('data').pause();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Its exit code; null where a signal ended it. */
  exit(): Promise<number | null> {
    return this.#exited;
  }

  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.signal('SIGTERM');
    return this.#exited;
  }
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what the test asserts
  readonly body: any;
}
