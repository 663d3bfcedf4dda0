import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { slotKeys } from '../../../src/store/keys.ts';
import { freePort } from '../../redis/redis-server.ts';
import { SLOTS } from './calls.ts';
import { pinned } from './cores.ts';
import { Disposable } from './reap.ts';
import type { Store } from './store.ts';

/** What the product asks of a Redis: append-only file synced each second, no eviction. */
const CONF = fileURLToPath(new URL('../../../config/redis.conf', import.meta.url));

/** A command is noted in Redis's slowlog from here on, µs. */
export const SLOW_US = 5_000;

/** A redis-server for one round, configured as the product's own. */
export class BenchRedis implements Store {
  readonly url: string;
  readonly client: Redis;
  readonly #process: Disposable;

  private constructor(port: number, child: Disposable) {
    this.url = `redis://127.0.0.1:${port}`;
    this.client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null });
    this.client.on('error', () => undefined); // it is not up yet, or ends
    this.#process = child;
  }

  static async start(): Promise<BenchRedis> {
    const directory = await mkdtemp(join(tmpdir(), 'callkeeper-bench-redis-'));
    const port = await freePort();
    const own = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory];
    const slowlog = ['--slowlog-log-slower-than', `${SLOW_US}`, '--slowlog-max-len', '1000'];
    const [program, args] = pinned('store', ['redis-server', CONF, ...own, ...slowlog]);
    const child = spawn(program, args, { stdio: 'ignore' });
    await once(child, 'spawn');
    const redis = new BenchRedis(port, new Disposable(child, directory, 'SIGKILL'));
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

  /** How many commands it has executed, those of scripts included. */
  async commands(): Promise<number> {
    const info = await this.client.info('stats');
    return Number(/^total_commands_processed:(\d+)/m.exec(info)?.[1]);
  }

  /** 0 where every call of the product has been renewed at least once; read in pieces. */
  async countUnproven(): Promise<number> {
    let count = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const key = slotKeys(slot, SLOTS).calls;
      let cursor = '0';
      do {
        const [next, flat] = await this.client.hscan(key, cursor, 'COUNT', 500);
        for (let i = 1; i < flat.length; i += 2) {
          if (!('k' in JSON.parse(flat[i] ?? '{}'))) count++;
        }
        cursor = next;
      } while (cursor !== '0' && count === 0);
      if (count > 0) break;
    }
    return count;
  }

  /** The commands that held Redis up for longer than {@link SLOW_US}, as [name, ms], the longest first. */
  async slowest(): Promise<[string, number][]> {
    const log = (await this.client.slowlog('GET', -1)) as [number, number, number, string[]][];
    const told = log.map(([, , us, [name = '']]): [string, number] => [name, us / 1_000]);
    return told.sort((a, b) => b[1] - a[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.disconnect();
    await this.#process[Symbol.asyncDispose]();
  }
}
