import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakedClock } from './faked-clock.ts';
import { reapAtExit } from './reap.ts';

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface ReplicaOptions {
  readonly name: string;
  /** For its working directory, clock and affliction. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** How far its clock is ahead, in s; absent: the machine's clock. */
  readonly clockAheadS?: number;
  /** The sources; default: this repository. */
  readonly source?: string;
  /** A command that replaces itself with the one after it, as `unshare` does. */
  readonly within?: readonly string[];
}

const REPO = new URL('../../', import.meta.url).pathname;
const START_MS = 60_000;
/** Its own time limit for stopping is 25 s. */
const STOP_MS = 35_000;

/** One daemon in its own process. */
export class Replica {
  readonly name: string;
  readonly lines: LogLine[] = [];
  readonly #options: ReplicaOptions;
  readonly #clock: FakedClock | null;
  readonly #child: ChildProcess;
  readonly #listening: Promise<string>;
  #url = '';
  #frozen = false;

  constructor(options: ReplicaOptions) {
    this.name = options.name;
    this.#options = options;
    const { source = REPO, within = [], clockAheadS } = options;
    this.#clock =
      clockAheadS === undefined ? null : new FakedClock(this.#path('clock'), clockAheadS);
    const preload = ['--import', join(source, 'test/faults/affliction.ts')];
    const command = [...within, process.execPath, ...preload, join(source, 'src/main.ts')];
    this.#child = spawn(command[0] as string, command.slice(1), {
      cwd: options.directory,
      env: { PATH: process.env.PATH, ...this.#ownEnv(), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'], // the first for affliction.ts to see when we die
    });
    reapAtExit(this.#child);
    this.#listening = this.#listen();
    this.#listening.catch(() => undefined); // the waiting callers get the error
  }

  get url(): string {
    return this.#url;
  }

  /** Whether it runs and is not suspended: a bot may ask it. */
  get isLiving(): boolean {
    return !this.hasEnded && !this.#frozen && this.#url !== '';
  }

  /** Such a replica leaves BullMQ's jobs to the others, and is not ready. */
  get hasWrongClock(): boolean {
    return (this.#options.clockAheadS ?? 0) !== 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  async listening(): Promise<void> {
    this.#url = await Promise.race([
      this.#listening,
      sleep(START_MS, null, { ref: false }).then(() => {
        throw new Error(`${this.name} does not listen after ${START_MS} ms\n${this.tail()}`);
      }),
    ]);
  }

  async ready(withinMs = START_MS): Promise<void> {
    await this.listening();
    const until = Date.now() + withinMs;
    while ((await this.status('/readyz')) !== 200) {
      if (Date.now() > until) throw new Error(`${this.name} does not become ready\n${this.tail()}`);
      await sleep(50);
    }
  }

  /**
   * Resolves once it knows what the others know, even if a wrong clock keeps it from being ready.
   */
  async inStep(): Promise<void> {
    await this.listening();
    const until = Date.now() + START_MS;
    while (!this.lines.some(({ msg }) => msg === 'in step with Redis')) {
      if (Date.now() > until) throw new Error(`${this.name} does not find Redis\n${this.tail()}`);
      await sleep(50);
    }
  }

  /** The status of the answer; null: none came. */
  async status(path: string): Promise<number | null> {
    const answer = await fetch(this.#url + path, { signal: AbortSignal.timeout(2_000) }).catch(
      () => null,
    );
    await answer?.body?.cancel();
    return answer?.status ?? null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  freeze(): void {
    this.#frozen = true;
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.#frozen = false;
    this.signal('SIGCONT');
  }

  /** See affliction.ts. */
  afflict(what: string): void {
    writeFileSync(this.#path('affliction'), what);
    this.signal('SIGUSR2');
  }

  setClock(aheadS: number): void {
    if (!this.#clock) throw new Error('start the world with clocks that can be set');
    this.#clock.set(aheadS);
  }

  async kill(): Promise<void> {
    if (this.hasEnded) return;
    const exited = once(this.#child, 'exit');
    this.signal('SIGKILL');
    await exited;
  }

  /** Stops it as a deployment does. */
  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const exited = once(this.#child, 'exit');
    if (this.#frozen) this.thaw();
    this.signal('SIGTERM');
    const late = Symbol('late');
    if ((await Promise.race([exited, sleep(STOP_MS, late, { ref: false })])) === late) {
      await this.kill();
      throw new Error(`${this.name} does not stop within ${STOP_MS} ms\n${this.tail()}`);
    }
  }

  tail(count = 15): string {
    return this.lines
      .slice(-count)
      .map((line) => JSON.stringify(line))
      .join('\n');
  }

  #path(kind: string): string {
    return join(this.#options.directory, `${this.name}.${kind}`);
  }

  #ownEnv(): NodeJS.ProcessEnv {
    return { AFFLICTION: this.#path('affliction'), ...this.#clock?.env };
  }

  /** Resolves with its URL once it logs that it listens. */
  #listen(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const { stdout, stderr } = this.#child;
    createInterface({ input: stdout as NodeJS.ReadableStream }).on('line', (text) => {
      const line = parse(text);
      this.lines.push(line);
      if (line.msg === 'listening') resolve(line.url as string);
    });
    createInterface({ input: stderr as NodeJS.ReadableStream }).on('line', (text) => {
      this.lines.push({ level: 'fatal', msg: text });
    });
    this.#child.once('exit', () => reject(new Error(`${this.name} ended\n${this.tail()}`)));
    return promise;
  }
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: 'fatal', msg: text }; // not of the log: what a crash prints
  }
}
