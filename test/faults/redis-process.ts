import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../free-port.ts';
import { FakedClock } from './faked-clock.ts';
import { reapAtExit } from './reap.ts';

export interface RedisProcessOptions {
  /** An address of loopback. Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: a free one. */
  readonly port?: number;
  readonly movableClock?: boolean;
}

/**
 * A real redis-server whose data can be lost, or set back to an older state, as by disks and
 * failovers. It keeps its port.
 */
export class RedisProcess {
  readonly client: Redis;
  readonly host: string;
  readonly port: number;
  readonly #directory: string;
  readonly #clock: FakedClock | null;
  #child: ChildProcess | null = null;

  private constructor(port: number, directory: string, options: RedisProcessOptions) {
    this.host = options.host ?? '127.0.0.1';
    this.port = port;
    this.#directory = directory;
    this.#clock = options.movableClock ? new FakedClock(join(directory, 'clock'), 0) : null;
    this.client = connect(this.host, port);
  }

  static async start(options: RedisProcessOptions = {}): Promise<RedisProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'callkeeper-faults-redis-'));
    const server = new RedisProcess(options.port ?? (await freePort()), directory, options);
    await server.run();
    return server;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('redis-server does not run');
    return pid;
  }

  async run(options: readonly string[] = []): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt++) {
      this.#spawn(options);
      if (await this.#answers()) return;
      await this.kill();
      await sleep(200); // the port may be held for a moment by somebody else's socket
    }
    throw new Error(`redis-server does not come up on port ${this.port}`);
  }

  /** Does not wait until it serves: it may load its data for a while. */
  runSoon(options: readonly string[]): void {
    this.#spawn(options);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(signal);
    await exited;
  }

  /** Like a failover to a node with another clock. It takes effect after a second. */
  setClock(aheadS: number): void {
    if (!this.#clock) throw new Error('start Redis with a clock that can be set');
    this.#clock.set(aheadS);
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Kills Redis and deletes its data. */
  async loseData(): Promise<void> {
    await this.kill();
    await rm(this.#data, { recursive: true, force: true });
  }

  /** Saves the data for {@link setBack}. */
  async snapshot(): Promise<void> {
    await rm(this.#copy, { recursive: true, force: true });
    await cp(this.#data, this.#copy, { recursive: true });
  }

  /** Kills Redis; it runs again with the data of the last snapshot. */
  async setBack(): Promise<void> {
    await this.loseData();
    await cp(this.#copy, this.#data, { recursive: true });
  }

  async stop(): Promise<void> {
    this.client.disconnect();
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #data(): string {
    return join(this.#directory, 'appendonlydir');
  }

  get #copy(): string {
    return join(this.#directory, 'snapshot');
  }

  #spawn(options: readonly string[]): void {
    const own = ['--port', `${this.port}`, '--bind', this.host, '--dir', this.#directory];
    // Without fsync, because a busy disk would block Redis. The tests kill only processes, so
    // nothing is lost.
    const data = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'no'];
    const user = ['--user', CONTROL, 'on', `>${CONTROL}`, '~*', '&*', '+@all'];
    const child = spawn('redis-server', [...own, ...data, ...user, ...options], {
      stdio: 'ignore',
      env: { ...process.env, ...this.#clock?.envForRedis },
    });
    reapAtExit(child);
    this.#child = child;
  }

  async #answers(): Promise<boolean> {
    const child = this.#child;
    const probe = connect(this.host, this.port);
    const ended = once(child as ChildProcess, 'exit').then(() => false);
    try {
      return await Promise.race([probe.ping().then(() => true), ended, sleep(15_000, false)]);
    } finally {
      probe.disconnect();
    }
  }
}

/** The scenarios use this user, so that faults of the replicas' user do not affect them. */
const CONTROL = 'control';

function connect(host: string, port: number): Redis {
  const client = new Redis({
    host,
    port,
    username: CONTROL,
    password: CONTROL,
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
    replyMapping: 'legacy',
  });
  client.on('error', () => undefined); // the server comes and goes
  return client;
}
