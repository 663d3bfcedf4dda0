import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import {
  type Access,
  type ClusterAddress,
  type Endpoint,
  parseRedisUrl,
  type SentinelAddress,
} from './address.ts';
import { RECORD_SCRIPTS } from './record-scripts.ts';
import { SCRIPTS } from './scripts.ts';

/** One server, the master that Sentinels name, or a Cluster. */
export type RedisClient = Redis | Cluster;

export interface ConnectionOptions {
  /** See `parseRedisUrl`. */
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
  const all = [redis];
  const duplicate = redis.duplicate.bind(redis) as (...args: unknown[]) => RedisClient;
  redis.duplicate = ((...args: unknown[]) => {
    const made = duplicate(...args);
    logErrors(made, options.log);
    writeTogether(made);
    all.push(made);
    return made;
  }) as never;
  return {
    redis,
    disconnect: () => {
      for (const one of all) one.disconnect();
    },
  };
}

export function isCluster(redis: RedisClient): redis is Cluster {
  return redis instanceof Cluster;
}

function connect(options: ConnectionOptions, special: RedisOptions): RedisClient {
  const redis = create(options, special);
  logErrors(redis, options.log);
  writeTogether(redis);
  redis.connect().catch(() => undefined); // goes on trying; `error` has told why
  return redis;
}

function create({ url, timeoutMs }: ConnectionOptions, special: RedisOptions): RedisClient {
  const common = { connectTimeout: timeoutMs, keepAlive: 10_000 };
  const single = {
    ...common,
    lazyConnect: true,
    scripts: { ...SCRIPTS, ...RECORD_SCRIPTS },
    maxLoadingRetryTime: RECONNECT_CAP_MS,
    retryStrategy: backOff,
    // A master that became a replica keeps its connections: ask for the new one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    ...special,
    replyMapping: 'legacy' as const,
  };
  const address = parseRedisUrl(url);
  if (address.kind === 'single') return new Redis(address.url, single);
  if (address.kind === 'sentinel') {
    return new Redis({ ...single, ...ofSentinels(address, timeoutMs) });
  }
  return createCluster(address, { ...common, ...special }, timeoutMs);
}

/** For one of the servers that an address names, by itself. */
export function forEndpoint(
  endpoint: Endpoint,
  address: SentinelAddress | ClusterAddress,
): RedisOptions {
  if (address.kind === 'cluster') return { ...endpoint, ...accessOf(address) };
  const { sentinelUsername: username, sentinelPassword: password, sentinelTls: tls } = address;
  return { ...endpoint, ...accessOf({ username, password, tls }) };
}

function accessOf({ username, password, tls }: Access) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
  };
}

function ofSentinels(address: SentinelAddress, timeoutMs: number) {
  const { sentinels, group, database, tls, sentinelUsername, sentinelPassword } = address;
  return {
    sentinels: sentinels.map((one) => ({ ...one })),
    name: group,
    db: database,
    ...accessOf(address),
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    enableTLSForSentinelMode: tls,
    ...(address.sentinelTls ? { sentinelTLS: {} } : {}),
    // One that hangs must not keep us from the others.
    sentinelCommandTimeout: timeoutMs,
    sentinelRetryStrategy: backOff,
  };
}

function createCluster(
  address: ClusterAddress,
  { enableOfflineQueue = true, ...ofNodes }: RedisOptions,
  timeoutMs: number,
): Cluster {
  return new Cluster([...address.nodes], {
    lazyConnect: true,
    scripts: { ...SCRIPTS, ...RECORD_SCRIPTS },
    enableOfflineQueue,
    clusterRetryStrategy: backOff,
    // Commands that must fail fast fail when the Cluster is down; ioredis would retry until they time out.
    ...(enableOfflineQueue ? {} : { retryDelayOnClusterDown: 0 }),
    slotsRefreshTimeout: timeoutMs,
    // A failover is noticed by this even where the old master says nothing at all.
    slotsRefreshInterval: 2 * timeoutMs,
    // A certificate is for the name that was given, not for an address that it stands for.
    dnsLookup: (host, done) => done(null, host),
    redisOptions: { ...ofNodes, ...accessOf(address), replyMapping: 'legacy' },
  });
}

/** What is larger is worth a system call of its own, and waits for nothing. */
const LARGE_WRITE = 4_096;

/**
 * Small commands that are sent in one turn of the event loop go out in one write:
 * ioredis makes a system call for each, which costs more than the command.
 */
function writeTogether(redis: RedisClient): void {
  if (isCluster(redis)) {
    redis.on('+node', writeTogether);
    return;
  }
  redis.on('connect', () => {
    const { stream } = redis;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
      if (chunk.length >= LARGE_WRITE) {
        stream.uncork();
      } else if (stream.writableCorked === 0) {
        stream.cork();
        setImmediate(() => stream.uncork());
      }
      return write(chunk, ...rest);
    }) as typeof stream.write;
  });
}

function backOff(attempts: number): number {
  return Math.min(RECONNECT_CAP_MS, 50 * attempts);
}

function logErrors(redis: RedisClient, log: Logger): void {
  const tell = (err: Error) => log.debug({ err }, 'redis connection');
  redis.on('error', tell);
  if (isCluster(redis)) redis.on('node error', tell);
}
