import { Redis } from 'ioredis';
import { type Endpoint, parseRedisUrl, type RedisAddress } from './address.ts';
import { type ConnectionOptions, forEndpoint } from './connection.ts';
import { modeOf, UnsuitableRedisError } from './suitable.ts';

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
  const [first] = told;
  if (first && told.every((fault) => fault !== '')) throw new UnsuitableRedisError(first);
}

/** Empty where there is none; null where it does not answer. */
async function faultOf(
  endpoint: Endpoint,
  address: Exclude<RedisAddress, { kind: 'single' }>,
  timeoutMs: number,
): Promise<string | null> {
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
    const mode = modeOf(await redis.info());
    const name = `${endpoint.host}:${endpoint.port}`;
    if (address.kind === 'cluster') return mode === 'cluster' ? '' : notACluster(name, mode);
    if (mode !== 'sentinel') return notASentinel(name, mode);
    return await wrongGroup(redis, name, address.group);
  } catch {
    return null;
  } finally {
    redis.disconnect();
  }
}

function notACluster(name: string, mode: string): string {
  const is = mode === 'sentinel' ? 'a Sentinel: name it with redis+sentinel://…/group' : SINGLE;
  return `REDIS_URL says redis+cluster://, but ${name} is ${is}.`;
}

const SINGLE = 'a Redis server by itself: name it with redis://';

function notASentinel(name: string, mode: string): string {
  const is = mode === 'cluster' ? 'a node of a Cluster: name it with redis+cluster://' : SINGLE;
  return `REDIS_URL says redis+sentinel://, but ${name} is ${is}.`;
}

async function wrongGroup(redis: Redis, name: string, group: string): Promise<string> {
  if (await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', group)) return '';
  const masters = (await redis.call('SENTINEL', 'MASTERS')) as string[][];
  const known = masters.map((fields) => fields[fields.indexOf('name') + 1]).join(', ');
  return (
    `REDIS_URL names the group ${JSON.stringify(group)}, which the Sentinel ${name} does not watch; ` +
    `it watches ${known || 'none'}.`
  );
}
