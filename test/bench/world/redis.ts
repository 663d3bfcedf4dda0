import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { freePort } from '../../free-port.ts';
import { pinned } from './cores.ts';
import { newDirectory, removeDirectory, watchOver } from './remains.ts';
import type { Store } from './store.ts';

/** The daemon's requirements: an append-only file that is synced every second, no eviction. */
const CONF = fileURLToPath(new URL('../../../config/redis.conf', import.meta.url));

/** Redis records slower commands in its slowlog, in µs. */
export const SLOW_US = 5_000;

/** A redis-server for one round, with config/redis.conf. */
export class BenchRedis implements Store {
  readonly url: string;
  readonly client: Redis;
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(port: number, child: ChildProcess, directory: string) {
    this.url = `redis://127.0.0.1:${port}`;
    this.client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null });
    this.client.on('error', () => undefined); // it is not up yet, or ends
    this.#child = child;
    this.#directory = directory;
  }

  static async start(): Promise<BenchRedis> {
    const directory = newDirectory('redis');
    const port = await freePort();
    const own = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory];
    const slowlog = ['--slowlog-log-slower-than', `${SLOW_US}`, '--slowlog-max-len', '1000'];
    const [program, args] = pinned('store', ['redis-server', CONF, ...own, ...slowlog]);
    const child = spawn(program, args, { stdio: 'ignore' });
    watchOver(child);
    await once(child, 'spawn');
    const redis = new BenchRedis(port, child, directory);
    await redis.client.ping();
    return redis;
  }

  async cpuUs(): Promise<number> {
    const info = await this.client.info('cpu');
    const seconds = (name: string) => Number(new RegExp(`^${name}:(.+)`, 'm').exec(info)?.[1]);
    return (seconds('used_cpu_user') + seconds('used_cpu_sys')) * 1e6;
  }

  async bytes(): Promise<number> {
    const info = await this.client.info('memory');
    return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
  }

  /** The commands that took longer than {@link SLOW_US}, as [name, ms], slowest first. */
  async slowest(): Promise<[string, number][]> {
    const log = (await this.client.slowlog('GET', -1)) as [number, number, number, string[]][];
    const told = log.map(([, , us, [name = '']]): [string, number] => [name, us / 1_000]);
    return told.sort((a, b) => b[1] - a[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.disconnect();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGKILL'); // its data is thrown away
      await exited;
    }
    removeDirectory(this.#directory);
  }
}
