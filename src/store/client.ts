import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import {
  type Access,
  type ClusterAddress,
  type Endpoint,
  parseRedisUrl,
  type RedisAddress,
  type SentinelAddress,
} from './address.ts';
import type { RedisCredentials } from './credentials.ts';
import { RECORD_SCRIPTS } from './record-scripts.ts';
import { SCRIPTS } from './scripts.ts';

/** One server, the master that Sentinels name, or a Cluster. */
export type RedisClient = Redis | Cluster;

export function isCluster(redis: RedisClient): redis is Cluster {
  return redis instanceof Cluster;
}

export interface ConnectionOptions {
  readonly url: string;
  /** Instead of the user and the password in `url`; null: those. */
  readonly credentials?: RedisCredentials | null;
  /** The name that certificates must have; null: the host's, see also `tls-name.ts`. */
  readonly tlsServername?: string | null;
  readonly timeoutMs: number;
  readonly log: Logger;
}

const RECONNECT_CAP_MS = 1_000;

export function createClient(options: ConnectionOptions, special: RedisOptions): RedisClient {
  const { url, timeoutMs } = options;
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
  if (address.kind === 'single') {
    return new Redis(address.url, { ...single, ...tlsOf(address, options) });
  }
  if (address.kind === 'sentinel') {
    return new Redis({ ...single, ...ofSentinels(address, options) });
  }
  return createCluster(address, { ...common, ...special }, options);
}

/** A client of one of the servers that an address names. It does not connect yet. */
export function createForEndpoint(
  endpoint: Endpoint,
  address: RedisAddress,
  special: RedisOptions,
  options: ConnectionOptions,
): Redis {
  const legacy = { ...special, lazyConnect: true, replyMapping: 'legacy' as const };
  if (address.kind === 'sentinel') {
    const { sentinelUsername: username, sentinelPassword: password, sentinelTls: tls } = address;
    return new Redis({ ...endpoint, ...accessOf({ username, password, tls }, options), ...legacy });
  }
  const redis =
    address.kind === 'single'
      ? new Redis(address.url, { ...legacy, ...tlsOf(address, options) })
      : new Redis({ ...endpoint, ...accessOf(address, options), ...legacy });
  Object.assign(redis.options, options.credentials?.current);
  return redis;
}

function accessOf(access: Access, options: ConnectionOptions) {
  const { username, password } = access;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...tlsOf(access, options),
  };
}

/** If no name is set, Node checks the certificate against the host. */
function tlsOf({ tls }: Pick<Access, 'tls'>, { tlsServername }: ConnectionOptions) {
  if (!tls) return {};
  return { tls: tlsServername ? { servername: tlsServername } : {} };
}

function ofSentinels(address: SentinelAddress, options: ConnectionOptions) {
  const { sentinels, group, database, tls, sentinelUsername, sentinelPassword } = address;
  const { tls: sentinelTLS } = tlsOf({ tls: address.sentinelTls }, options);
  return {
    sentinels: sentinels.map((one) => ({ ...one })),
    name: group,
    db: database,
    ...accessOf(address, options),
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    enableTLSForSentinelMode: tls,
    ...(sentinelTLS ? { sentinelTLS } : {}),
    // A Sentinel that hangs must not keep us from the others.
    sentinelCommandTimeout: options.timeoutMs,
    sentinelRetryStrategy: backOff,
  };
}

function createCluster(
  address: ClusterAddress,
  { enableOfflineQueue = true, ...ofNodes }: RedisOptions,
  options: ConnectionOptions,
): Cluster {
  const { timeoutMs } = options;
  return new Cluster([...address.nodes], {
    lazyConnect: true,
    scripts: { ...SCRIPTS, ...RECORD_SCRIPTS },
    enableOfflineQueue,
    clusterRetryStrategy: backOff,
    // Commands that must fail fast fail when the Cluster is down; ioredis would retry until they
    // time out.
    ...(enableOfflineQueue ? {} : { retryDelayOnClusterDown: 0 }),
    slotsRefreshTimeout: timeoutMs,
    // So that a failover is noticed even if the old master just falls silent.
    slotsRefreshInterval: 2 * timeoutMs,
    // A certificate is for the name, not for the address that it resolves to.
    dnsLookup: (host, done) => done(null, host),
    redisOptions: { ...ofNodes, ...accessOf(address, options), replyMapping: 'legacy' },
  });
}

function backOff(attempts: number): number {
  return Math.min(RECONNECT_CAP_MS, 50 * attempts);
}
