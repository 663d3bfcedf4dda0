import type { Redis, RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { parseRedisUrl } from './address.ts';
import { Authentication } from './authentication.ts';
import { type ConnectionOptions, createClient, isCluster, type RedisClient } from './client.ts';
import { nameForNode } from './tls-name.ts';
import { writeTogether } from './write-together.ts';

export type { ConnectionOptions, RedisClient } from './client.ts';

/**
 * A connection for our own commands: fails fast, so that its user can go on
 * another way. Nothing waits in a queue for Redis to come back, and nothing is
 * sent twice but what a Cluster's node refers to another.
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
 * A connection for reads that block for up to `blockMs`: commands wait for Redis
 * to come back. One whose socket says nothing for longer than a
 * read may block is cut and opened anew: after a failover such a read would
 * otherwise wait for ever.
 */
export function connectBlocking(options: ConnectionOptions, blockMs: number): RedisClient {
  return connect(options, {
    connectionName: 'callkeeper-blocking',
    maxRetriesPerRequest: null,
    socketTimeout: blockMs + options.timeoutMs,
  });
}

/** A connection and all that its user has duplicated from it. */
export interface Connections {
  readonly redis: RedisClient;
  /** Ends them all, whatever state they are in. */
  disconnect(): void;
}

/**
 * For a BullMQ worker, which duplicates what it is given, and in an outage of
 * Redis never ends what it has duplicated.
 */
export function connectWorker(options: ConnectionOptions, blockMs: number): Connections {
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
  // Meanwhile a command may have connected it, or its user may have ended it.
  if (redis.status === 'wait') await redis.connect().catch(() => undefined); // goes on trying; `error` has told why
}

/** What a connection, or each one to a node of a Cluster, needs before it connects. */
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

/** @param all what there is by now, to which each duplicate is added */
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
