import { connect } from 'node:net';
import type { Redis } from 'ioredis';
import { type Endpoint, parseRedisUrl, type RedisAddress } from './address.ts';
import { causeOf, clearestCause, isVague, type RedisCause } from './cause.ts';
import { type ConnectionOptions, createForEndpoint } from './client.ts';
import { PROBE_KEY, PROBE_MS } from './keys.ts';
import { modeOf, parseInfo } from './supported.ts';
import { type UnsupportedRedis, UnsupportedRedisError } from './unsupported.ts';

type Seen =
  | { readonly kind: 'fine' }
  | { readonly kind: 'unsupported'; readonly unsupported: UnsupportedRedis }
  | { readonly kind: 'broken'; readonly cause: RedisCause | null };

const FINE: Seen = { kind: 'fine' };

/**
 * Asks each server of REDIS_URL, on its own connection, why Redis does not serve. ioredis does not
 * say why if a server loads its data or closes the connection at once. Returns null if all seem
 * fine. Rejects with {@link UnsupportedRedisError} if no server that answers is of the kind that
 * REDIS_URL names; servers that do not answer may still be starting.
 */
export async function diagnose(options: ConnectionOptions): Promise<RedisCause | null> {
  const address = parseRedisUrl(options.url);
  const endpoints = endpointsOf(address);
  const seen = await Promise.all(endpoints.map((one) => lookAt(one, address, options)));
  const refused = seen.find((one) => one.kind === 'unsupported');
  if (refused && !seen.some(isAsNamed)) throw new UnsupportedRedisError(refused.unsupported);
  const causes = seen.flatMap((one) => (one.kind === 'broken' && one.cause ? [one.cause] : []));
  return causes.find(({ code }) => code !== 'ECONNREFUSED') ?? causes[0] ?? null;
}

/** Whether the server is of the kind that REDIS_URL says, even if something else is wrong. */
function isAsNamed(seen: Seen): boolean {
  return seen.kind === 'fine' || (seen.kind === 'broken' && seen.cause?.code === 'CLUSTERDOWN');
}

function endpointsOf(address: RedisAddress): readonly Endpoint[] {
  if (address.kind === 'sentinel') return address.sentinels;
  if (address.kind === 'cluster') return address.nodes;
  const { hostname, port } = new URL(address.url);
  return [{ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6_379) }];
}

async function lookAt(
  endpoint: Endpoint,
  address: RedisAddress,
  options: ConnectionOptions,
): Promise<Seen> {
  let connectionError: unknown = null;
  const redis = bareConnection(endpoint, address, options);
  redis.on('error', (error) => {
    connectionError = error;
  });
  try {
    return await ask(redis, endpoint, address);
  } catch (error) {
    const cause = clearestCause([error, connectionError]);
    const mayBeGreeted = !redis.options.tls && (cause === null || isVague(cause));
    const greeting = mayBeGreeted ? await readGreeting(endpoint, options.timeoutMs) : null;
    return { kind: 'broken', cause: greeting ?? cause };
  } finally {
    redis.disconnect();
  }
}

/** A connection that never retries or waits, not even for a Redis that loads its data. */
function bareConnection(
  endpoint: Endpoint,
  address: RedisAddress,
  options: ConnectionOptions,
): Redis {
  const { timeoutMs } = options;
  const special = {
    enableReadyCheck: false,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
  };
  return createForEndpoint(endpoint, address, special, options);
}

async function ask(redis: Redis, { host, port }: Endpoint, address: RedisAddress): Promise<Seen> {
  if (address.kind === 'single') {
    await redis.set(PROBE_KEY, 1, 'PX', PROBE_MS);
    return FINE; // its replies to other commands say what it is
  }
  const mode = modeOf(parseInfo(await redis.info()));
  const name = `${host}:${port}`;
  if (address.kind === 'cluster') {
    const isCluster = mode === 'cluster' || (await speaksCluster(redis));
    return isCluster ? await lookAtState(redis) : notACluster(name, mode);
  }
  if (mode !== 'sentinel') return notASentinel(name, mode);
  return await lookForGroup(redis, name, address.group);
}

/** Redis Enterprise, and so Azure, may call itself standalone although it serves as a Cluster. */
async function speaksCluster(redis: Redis): Promise<boolean> {
  return redis.cluster('INFO').then(
    () => true,
    () => false,
  );
}

/** The state of a Cluster, as one of its nodes sees it. */
async function lookAtState(redis: Redis): Promise<Seen> {
  const state = await redis.cluster('INFO');
  if (String(state).includes('cluster_state:ok')) return FINE;
  return { kind: 'broken', cause: causeOf(new Error('CLUSTERDOWN by CLUSTER INFO')) };
}

/**
 * Reads why Redis refuses a connection (protected mode, maxclients) before it closes it. A client
 * that writes first usually sees only the close.
 */
async function readGreeting(
  { host, port }: Endpoint,
  timeoutMs: number,
): Promise<RedisCause | null> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host, port }).setEncoding('utf8').setTimeout(timeoutMs);
  socket.once('data', (text: string) => resolve(text));
  for (const end of ['timeout', 'error', 'close']) socket.once(end, () => resolve(''));
  const greeting = await promise;
  socket.destroy();
  return greeting.startsWith('-') ? causeOf(new Error(greeting.slice(1).trim())) : null;
}

function notACluster(name: string, mode: string): Seen {
  const [is, fix] = mode === 'sentinel' ? SENTINEL : SINGLE;
  return unsupportedAs({ what: `REDIS_URL says redis+cluster://, but ${name} is ${is}.`, fix });
}

function notASentinel(name: string, mode: string): Seen {
  const [is, fix] = mode === 'cluster' ? NODE : SINGLE;
  return unsupportedAs({ what: `REDIS_URL says redis+sentinel://, but ${name} is ${is}.`, fix });
}

const unsupportedAs = (unsupported: UnsupportedRedis): Seen => ({
  kind: 'unsupported',
  unsupported,
});

const SINGLE = ['a Redis server by itself', 'Name it with redis://.'] as const;
const SENTINEL = ['a Sentinel', 'Name it with redis+sentinel://…/group.'] as const;
const NODE = ['a node of a Cluster', 'Name it with redis+cluster://.'] as const;

async function lookForGroup(redis: Redis, name: string, group: string): Promise<Seen> {
  if (await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', group)) return FINE;
  const masters = (await redis.call('SENTINEL', 'MASTERS')) as string[][];
  const known = masters.map((fields) => fields[fields.indexOf('name') + 1]).join(', ');
  return unsupportedAs({
    what: `REDIS_URL names the group ${JSON.stringify(group)}, which the Sentinel ${name} does not watch.`,
    fix: `Name one that it watches: ${known || 'there is none'}.`,
  });
}
