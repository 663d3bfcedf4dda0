import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { freePort } from '../free-port.ts';
import { reap } from './reaper.ts';

/** For a test file: a redis-server that runs before its tests and stops after them. */
export function redisForFile(options: string[] = []): RedisServer {
  const server = new RedisServer(options);
  beforeAll(() => server.start(), 60_000);
  afterAll(() => server.stop(), 60_000);
  return server;
}

/**
 * A real redis-server on a free port of loopback. Its data survives a `restart`. It never calls
 * fsync, which on a busy disk blocks all of Redis.
 */
export class RedisServer {
  readonly #options: readonly string[];
  readonly #sentinel: string | null;
  #directory = '';
  #port = 0;
  /**
   * The port of the cluster bus. Redis's default (the port + 10,000) is not a valid port for some
   * ports.
   */
  #busPort: number | null = null;
  #child: ChildProcess | null = null;
  #client: Redis | null = null;

  /**
   * @param options as on the command line: `['--maxmemory-policy', 'allkeys-lru']`
   * @param sentinel where it is to be a Sentinel, its configuration
   */
  constructor(options: readonly string[] = [], sentinel: string | null = null) {
    this.#options = options;
    this.#sentinel = sentinel;
  }

  get running(): boolean {
    return this.#child !== null;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** For the test itself; its commands wait until the server is back. */
  get client(): Redis {
    this.#client ??= newClient(this.#port);
    return this.#client;
  }

  async start(): Promise<void> {
    this.#directory = await mkdtemp(join(tmpdir(), 'callkeeper-redis-'));
    if (this.#sentinel !== null) await writeFile(this.#sentinelFile, this.#sentinel);
    // Another process may take a free port before the server does.
    for (let attempt = 0; attempt < 20; attempt++) {
      this.#port = await freePort();
      if (this.#options.includes('--cluster-enabled')) this.#busPort = await freePort();
      if (await this.#run()) return;
    }
    throw new Error('no redis-server could be started: is it installed?');
  }

  async stop(): Promise<void> {
    this.#client?.disconnect();
    this.#client = null;
    await this.kill();
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true });
  }

  /** Resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    // A suspended process handles other signals only when it runs again.
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    await exited;
  }

  /** Suspends the process: its sockets stay open but do not answer. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** On the same port, with the data it had. */
  async restart(): Promise<void> {
    await this.kill();
    for (let attempt = 0; attempt < 20; attempt++) {
      if (await this.#run()) return;
      await sleep(100); // somebody else's socket may hold the port for a moment
    }
    throw new Error(`redis-server does not come back on port ${this.#port}`);
  }

  async flush(): Promise<void> {
    await this.client.flushall();
  }

  get #sentinelFile(): string {
    return join(this.#directory, 'sentinel.conf');
  }

  /** Resolves with false if it ended at once, for example because another process has its port. */
  async #run(): Promise<boolean> {
    const own = ['--port', `${this.#port}`, '--bind', '127.0.0.1', '--dir', this.#directory];
    const kind =
      this.#sentinel === null
        ? ['--save', '', '--appendonly', 'yes', '--appendfsync', 'no']
        : [this.#sentinelFile, '--sentinel'];
    const args = this.#sentinel === null ? [...own, ...kind] : [...kind, ...own];
    if (this.#busPort !== null) args.push('--cluster-port', `${this.#busPort}`);
    const child = spawn('redis-server', [...args, ...this.#options], { stdio: 'ignore' });
    this.#child = child;
    reap(child);
    const ended = Promise.race([once(child, 'exit'), once(child, 'error')]).then(
      () => false,
      () => false,
    );
    return Promise.race([ended, answers(this.#port, ended)]);
  }
}

/** Like the daemon's own connections, but without their short time-outs. */
export function newClient(port: number): Redis {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
    replyMapping: 'legacy',
  });
  client.on('error', () => undefined); // the server of the test comes and goes
  return client;
}

async function answers(port: number, ended: Promise<boolean>): Promise<boolean> {
  const client = newClient(port);
  try {
    return await Promise.race([client.ping().then(() => true), ended]);
  } finally {
    client.disconnect();
  }
}
