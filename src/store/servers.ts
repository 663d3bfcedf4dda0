import type { Redis } from 'ioredis';
import { parseRedisUrl } from './address.ts';
import { causeOf, clearestCause, isVague, type RedisCause } from './cause.ts';
import { type ConnectionOptions, isCluster, type RedisClient } from './client.ts';
import { withCredentials } from './credentials.ts';
import { diagnose } from './diagnosis.ts';
import { assertSupported } from './supported.ts';
import { UnsupportedRedisError } from './unsupported.ts';

export interface ServersOptions {
  /** A new client that is not connected yet. */
  readonly redis: RedisClient;
  readonly connection: ConnectionOptions;
}

/** The servers behind a connection: one, or the nodes of a Cluster. */
export class Servers {
  readonly #options: ServersOptions;
  #connections = 0;
  #masters: ReadonlySet<string> = new Set();
  #wasSupported = false;
  /** The latest error that says what is wrong, since Redis was last known to serve. */
  #connectionError: unknown = null;

  constructor(options: ServersOptions) {
    this.#options = options;
    const { redis } = options;
    const count = () => this.#connections++;
    if (isCluster(redis)) redis.on('+node', (node: Redis) => node.on('ready', count));
    else redis.on('ready', count);
    redis.on('ready', () => this.noteServing());
    for (const event of ['error', 'node error']) {
      redis.on(event, (error: unknown) => {
        if (causeOf(error) !== null) this.#connectionError = error;
      });
    }
  }

  get credentialFault(): RedisCause | null {
    return this.#options.connection.credentials?.fault ?? null;
  }

  /** Redis serves: earlier errors do not explain later ones. */
  noteServing(): void {
    this.#connectionError = null;
  }

  /** Grows with each new connection and failover: the server may lack the last writes. */
  countChanges(): number {
    const { redis } = this.#options;
    if (isCluster(redis)) {
      const masters = redis.nodes('master').map(({ options }) => `${options.host}:${options.port}`);
      if (masters.some((master) => !this.#masters.has(master))) this.#connections++;
      this.#masters = new Set(masters);
    }
    return this.#connections;
  }

  /** See `assertSupported`. If nothing answers, it also checks whether REDIS_URL is the reason. */
  async assertSupported(): Promise<void> {
    const { redis, connection } = this.#options;
    try {
      await assertSupported(redis);
      this.#wasSupported = true;
    } catch (error) {
      const isKnown = this.#wasSupported || error instanceof UnsupportedRedisError;
      const isOne = parseRedisUrl(connection.url).kind === 'single'; // its replies say what it is
      if (!isKnown && !isOne) await diagnose(connection);
      throw error;
    }
  }

  /** Finds the cause even if the error says only that there is no connection; null: unknown. */
  async causeOf(error: unknown): Promise<RedisCause | null> {
    const { connection } = this.#options;
    const cause = clearestCause([error, this.#connectionError]);
    const isClear = cause !== null && !isVague(cause);
    const found = isClear ? cause : ((await diagnose(connection).catch(causeOf)) ?? cause);
    return withCredentials(found, connection.credentials);
  }
}
