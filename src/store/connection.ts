import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { SCRIPTS } from './scripts.ts';

export interface ConnectionOptions {
  /** `redis://` or `rediss://`, with user, password and database in the URL. */
  readonly url: string;
  /** How long Redis may take to answer a command before it counts as gone, in ms. */
  readonly timeoutMs: number;
  readonly log: Logger;
}

/** Longest pause between two attempts to connect: Redis is missed within this of being back. */
const RECONNECT_CAP_MS = 1_000;

/**
 * A connection for our own commands: fails fast, so that its user can go on
 * another way. Nothing waits in a queue for Redis to come back, and nothing is
 * sent twice.
 */
export function connectFast(options: ConnectionOptions): Redis {
  return connect(options, {
    connectionName: 'callkeeper',
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: options.timeoutMs,
    socketTimeout: options.timeoutMs * 2,
  });
}

/**
 * A connection for reads that block for up to `blockMs`: commands wait for Redis
 * to come back. One whose socket says nothing for longer than a
 * read may block is cut and opened anew: after a failover such a read would
 * otherwise wait for ever.
 */
export function connectBlocking(options: ConnectionOptions, blockMs: number): Redis {
  return connect(options, {
    connectionName: 'callkeeper-blocking',
    maxRetriesPerRequest: null,
    socketTimeout: blockMs + options.timeoutMs,
  });
}

/** A connection and all that its user has duplicated from it. */
export interface Connections {
  readonly redis: Redis;
  /** Ends them all, whatever state they are in. */
  disconnect(): void;
}

/**
 * For a BullMQ worker, which duplicates what it is given, and in an outage of
 * Redis never ends what it has duplicated.
 */
export function connectWorker(options: ConnectionOptions, blockMs: number): Connections {
  const redis = connectBlocking(options, blockMs);
  const all = [redis];
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = ((override) => {
    const made = duplicate(override);
    all.push(made);
    return made;
  }) as typeof redis.duplicate;
  return {
    redis,
    disconnect: () => {
      for (const one of all) one.disconnect();
    },
  };
}

function connect({ url, timeoutMs, log }: ConnectionOptions, special: RedisOptions): Redis {
  const options: RedisOptions = {
    lazyConnect: true,
    scripts: SCRIPTS,
    connectTimeout: timeoutMs,
    keepAlive: 10_000,
    maxLoadingRetryTime: RECONNECT_CAP_MS,
    retryStrategy: (times) => Math.min(RECONNECT_CAP_MS, 50 * times),
    // A master that became a replica keeps its connections: ask for the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...special,
  };
  const redis = new Redis(url, { ...options, replyMapping: 'legacy' });
  redis.on('error', (error) => log.debug({ err: error }, 'redis connection'));
  redis.connect().catch(() => undefined); // goes on trying; `error` has told why
  return redis;
}
