import type { Redis, RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { parseRedisUrl } from './address.ts';
import { Authentication } from './authentication.ts';
import { type ConnectionOptions, createClient, isCluster, type RedisClient } from './client.ts';
import { nameForNode } from './tls-name.ts';
import { writeTogether } from './write-together.ts';

export type { ConnectionOptions, RedisClient } from './client.ts';

/**
 * A connection for our own commands. It fails fast, so that the caller can go on without Redis: no
 * command waits for Redis to come back, and none is sent twice, unless a node of a Cluster refers
 * it to another one.
 */
export function connectFast(options: ConnectionOptions): RedisClient {
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
 * A connection for reads that block for up to `blockMs`. Commands wait for Redis to come back. If
 * the socket is silent for longer than a read may block, it is closed and opened again, because
 * after a failover such a read would otherwise wait for ever.
 */
export function connectBlocking(options: ConnectionOptions, blockMs: number): RedisClient {
  return connect(options, {
    connectionName: 'callkeeper-blocking',
    maxRetriesPerRequest: null,
    socketTimeout: blockMs + options.timeoutMs,
  });
}

export interface WorkerConnection {
  readonly redis: RedisClient;
  /** Ends them all, whatever state they are in. */
  disconnect(): void;
}

/** For a BullMQ worker, which never closes its duplicates while Redis is out. */
export function connectWorker(options: ConnectionOptions, blockMs: number): WorkerConnection {
  const redis = connectBlocking(options, blockMs);
  const all: RedisClient[] = [];
  prepareDuplicates(redis, options, all);
  return {
    redis,
    disconnect: () => {
      for (const one of all) one.disconnect();
    },
  };
}

function connect(options: ConnectionOptions, special: RedisOptions): RedisClient {
  const redis = createClient(options, special);
  prepare(redis, options);
  void start(redis, options);
  return redis;
}

async function start(redis: RedisClient, { credentials }: ConnectionOptions): Promise<void> {
  if (credentials) await credentials.ready;
  // A command may have connected it meanwhile, or its user may have closed it.
  if (redis.status === 'wait') await redis.connect().catch(() => undefined); // it retries; the event `error` had the cause
}

/** Prepares a connection, or each one to a node of a Cluster, before it connects. */
function prepare(redis: RedisClient, options: ConnectionOptions): void {
  const { credentials, log } = options;
  const prepareOne = (one: Redis) => {
    writeTogether(one);
    if (credentials) new Authentication(one, credentials, log);
  };
  logErrors(redis, log);
  if (!isCluster(redis)) {
    prepareOne(redis);
    return;
  }
  redis.on('+node', (node: Redis) => {
    nameForNode(node.options, parseRedisUrl(options.url));
    prepareOne(node);
  });
}

/** @param all the connections so far; each duplicate is added */
function prepareDuplicates(
  redis: RedisClient,
  options: ConnectionOptions,
  all: RedisClient[],
): void {
  all.push(redis);
  const duplicate = redis.duplicate.bind(redis) as (...args: unknown[]) => RedisClient;
  redis.duplicate = ((...args: unknown[]) => {
    const made = duplicate(...args);
    prepare(made, options);
    prepareDuplicates(made, options, all);
    return made;
  }) as never;
}

function logErrors(redis: RedisClient, log: Logger): void {
  const tell = (err: Error) => log.debug({ err }, 'redis connection');
  redis.on('error', tell);
  if (isCluster(redis)) redis.on('node error', tell);
}
