import { Redis } from 'ioredis';
import { type Endpoint, parseRedisUrl, type RedisAddress } from './address.ts';
import { type ConnectionOptions, forEndpoint } from './connection.ts';
import { modeOf, parseInfo, type Unfitness, UnsuitableRedisError } from './suitable.ts';

/**
 * Asks the servers that REDIS_URL names, each by itself, whether they are what
 * it says they are. Rejects with {@link UnsuitableRedisError} where those that
 * answer are not, and resolves otherwise: they may yet come.
 */
export async function diagnose({ url, timeoutMs }: ConnectionOptions): Promise<void> {
  const address = parseRedisUrl(url);
  if (address.kind === 'single') return; // whatever it is, it says so itself
  const endpoints = address.kind === 'sentinel' ? address.sentinels : address.nodes;
  const faults = await Promise.all(
    endpoints.map((endpoint) => faultOf(endpoint, address, timeoutMs)),
  );
  const told = faults.filter((fault) => fault !== null);
  const unfit = told.filter((fault) => fault !== 'none');
  const [first] = unfit;
  if (first && unfit.length === told.length) throw new UnsuitableRedisError(first);
}

/** null where it does not answer. */
async function faultOf(
  endpoint: Endpoint,
  address: Exclude<RedisAddress, { kind: 'single' }>,
  timeoutMs: number,
): Promise<Unfitness | 'none' | null> {
  const redis = new Redis({
    ...forEndpoint(endpoint, address),
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    replyMapping: 'legacy',
  });
  redis.on('error', () => undefined); // it does not answer
  try {
    const mode = modeOf(parseInfo(await redis.info()));
    const name = `${endpoint.host}:${endpoint.port}`;
    if (address.kind === 'cluster') return mode === 'cluster' ? 'none' : notACluster(name, mode);
    if (mode !== 'sentinel') return notASentinel(name, mode);
    return await wrongGroup(redis, name, address.group);
  } catch {
    return null;
  } finally {
    redis.disconnect();
  }
}

function notACluster(name: string, mode: string): Unfitness {
  const [is, fix] = mode === 'sentinel' ? SENTINEL : SINGLE;
  return { what: `REDIS_URL says redis+cluster://, but ${name} is ${is}.`, fix };
}

function notASentinel(name: string, mode: string): Unfitness {
  const [is, fix] = mode === 'cluster' ? NODE : SINGLE;
  return { what: `REDIS_URL says redis+sentinel://, but ${name} is ${is}.`, fix };
}

const SINGLE = ['a Redis server by itself', 'Name it with redis://.'] as const;
const SENTINEL = ['a Sentinel', 'Name it with redis+sentinel://…/group.'] as const;
const NODE = ['a node of a Cluster', 'Name it with redis+cluster://.'] as const;

async function wrongGroup(redis: Redis, name: string, group: string): Promise<Unfitness | 'none'> {
  if (await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', group)) return 'none';
  const masters = (await redis.call('SENTINEL', 'MASTERS')) as string[][];
  const known = masters.map((fields) => fields[fields.indexOf('name') + 1]).join(', ');
  return {
    what: `REDIS_URL names the group ${JSON.stringify(group)}, which the Sentinel ${name} does not watch.`,
    fix: `Name one that it watches: ${known || 'there is none'}.`,
  };
}
