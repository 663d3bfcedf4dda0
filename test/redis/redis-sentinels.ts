import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { RedisServer } from './redis-server.ts';

export const GROUP = 'calls';

/** After this silence a master counts as down. */
const DOWN_AFTER_MS = 1_000;
const PATIENCE_MS = 60_000;

/** A real master, its replica, and three Sentinels that watch them, on loopback. */
export class RedisSentinels {
  readonly servers: readonly RedisServer[];
  readonly sentinels: RedisServer[] = [];
  #client: Redis | null = null;

  /** @param options of master and replica, as on the command line */
  constructor(options: readonly string[] = []) {
    const own = ['--repl-diskless-sync-delay', '0', ...options];
    this.servers = [new RedisServer(own), new RedisServer(own)];
  }

  get url(): string {
    return `redis+sentinel://${this.#hosts}/${GROUP}`;
  }

  get #hosts(): string {
    return this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  }

  /** For the test itself; follows the master. */
  get client(): Redis {
    if (!this.#client) {
      this.#client = new Redis({
        sentinels: this.sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
        name: GROUP,
        maxRetriesPerRequest: null,
        retryStrategy: () => 100,
        sentinelRetryStrategy: () => 100,
        socketTimeout: 2_000,
        replyMapping: 'legacy',
      });
      this.#client.on('error', () => undefined); // the servers come and go
    }
    return this.#client;
  }

  async start(): Promise<void> {
    try {
      await Promise.all(this.servers.map((server) => server.start()));
      const [master, replica] = this.servers as [RedisServer, RedisServer];
      await replica.client.replicaof('127.0.0.1', master.port);
      const configuration = [
        `sentinel monitor ${GROUP} 127.0.0.1 ${master.port} 2`,
        `sentinel down-after-milliseconds ${GROUP} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${GROUP} 4000`,
        '',
      ].join('\n');
      for (let i = 0; i < 3; i++) this.sentinels.push(new RedisServer([], configuration));
      await Promise.all(this.sentinels.map((sentinel) => sentinel.start()));
      await this.settled();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#client?.disconnect();
    this.#client = null;
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()));
  }

  /** By the first Sentinel. */
  async master(): Promise<RedisServer> {
    const address = (await this.sentinels[0]?.client.call(
      'SENTINEL',
      'GET-MASTER-ADDR-BY-NAME',
      GROUP,
    )) as string[];
    const found = this.servers.find(({ port }) => port === Number(address[1]));
    if (!found) throw new Error('the Sentinels name a master that is none of ours');
    return found;
  }

  /** Resolves when all Sentinels know each other and a replica that is in sync with its master. */
  async settled(): Promise<void> {
    const limit = Date.now() + PATIENCE_MS;
    while (!(await this.#isSettled().catch(() => false))) {
      if (Date.now() > limit) throw new Error('the Sentinels do not settle');
      await sleep(50);
    }
  }

  async #isSettled(): Promise<boolean> {
    for (const { client } of this.sentinels) {
      const fields = (await client.call('SENTINEL', 'MASTER', GROUP)) as string[];
      const field = (name: string) => fields[fields.indexOf(name) + 1];
      const isWell =
        field('flags') === 'master' &&
        field('num-slaves') === '1' &&
        field('num-other-sentinels') === '2';
      if (!isWell) return false;
    }
    const replica = this.servers.find((server) => server.running) && (await this.#replica());
    return (await replica?.client.info('replication'))?.includes('master_link_status:up') ?? false;
  }

  async #replica(): Promise<RedisServer | undefined> {
    const master = await this.master();
    return this.servers.find((server) => server !== master);
  }
}
